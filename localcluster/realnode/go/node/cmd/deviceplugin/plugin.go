package main

import (
	"context"
	"log"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// plugin serves one resource.
type plugin struct {
	api.UnimplementedDevicePluginServer
	resource string
	folder   string
	socket   string

	server     *grpc.Server
	registered os.FileInfo // the kubelet's socket at the time; another file means another kubelet
	retry      time.Time

	mutex   sync.Mutex
	devices health
	changed chan struct{} // closed and replaced at every change
}

func newPlugin(resource, folder string) *plugin {
	return &plugin{
		resource: resource,
		folder:   folder,
		socket:   "localcluster-" + strings.NewReplacer("/", "-", ".", "-").Replace(resource) + ".sock",
		changed:  make(chan struct{}),
	}
}

func (p *plugin) set(devices health) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if maps.Equal(p.devices, devices) {
		return
	}
	p.devices = devices
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *plugin) state() ([]*api.Device, <-chan struct{}) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var found []*api.Device
	for id, healthy := range p.devices {
		state := api.Unhealthy
		if healthy {
			state = api.Healthy
		}
		found = append(found, &api.Device{ID: id, Health: state})
	}
	sort.Slice(found, func(i, j int) bool { return found[i].ID < found[j].ID })
	return found, p.changed
}

// keepRegistered registers with the kubelet, and again whenever it was restarted: it then empties the folder.
func (p *plugin) keepRegistered() {
	kubelet, err := os.Stat(filepath.Join(p.folder, "kubelet.sock"))
	if err != nil || (p.registered != nil && os.SameFile(p.registered, kubelet) && p.registered.ModTime().Equal(kubelet.ModTime())) {
		if _, gone := os.Stat(filepath.Join(p.folder, p.socket)); err != nil || gone == nil {
			return
		}
	}
	if time.Now().Before(p.retry) {
		return
	}
	if err := p.register(); err != nil {
		p.retry = time.Now().Add(200 * time.Millisecond)
		log.Printf("%s: not registered: %v", p.resource, err)
		return
	}
	p.registered = kubelet
	log.Printf("%s: registered", p.resource)
}

func (p *plugin) register() error {
	if p.server != nil {
		p.server.Stop()
	}
	path := filepath.Join(p.folder, p.socket)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	p.server = grpc.NewServer()
	api.RegisterDevicePluginServer(p.server, p)
	go func(server *grpc.Server) {
		if err := server.Serve(listener); err != nil {
			log.Printf("%s: %v", p.resource, err)
		}
	}(p.server)
	connection, err := grpc.NewClient(
		"unix://"+filepath.Join(p.folder, "kubelet.sock"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request := &api.RegisterRequest{Version: api.Version, Endpoint: p.socket, ResourceName: p.resource}
	_, err = api.NewRegistrationClient(connection).Register(ctx, request)
	return err
}

// GetDevicePluginOptions says that nothing beyond the required calls is offered.
func (p *plugin) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return &api.DevicePluginOptions{}, nil
}

// ListAndWatch sends every device, and all of them again at each change.
func (p *plugin) ListAndWatch(_ *api.Empty, stream api.DevicePlugin_ListAndWatchServer) error {
	for {
		devices, changed := p.state()
		if err := stream.Send(&api.ListAndWatchResponse{Devices: devices}); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return nil
		}
	}
}

// Allocate tells a container which devices it got.
func (p *plugin) Allocate(_ context.Context, request *api.AllocateRequest) (*api.AllocateResponse, error) {
	name := "LOCALCLUSTER_DEVICES_" + strings.ToUpper(strings.NewReplacer("/", "_", ".", "_", "-", "_").Replace(p.resource))
	answer := &api.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		ids := append([]string(nil), container.DevicesIds...)
		sort.Strings(ids)
		answer.ContainerResponses = append(answer.ContainerResponses,
			&api.ContainerAllocateResponse{Envs: map[string]string{name: strings.Join(ids, ",")}})
	}
	return answer, nil
}
