// Command deviceplugin offers devices that do not exist to the kubelet of its node.
//
// Usage: deviceplugin FILE FOLDER, where FILE says which devices there are and how they are, and FOLDER is the
// kubelet's folder of device plugins. FILE may change at any time:
//
//	{"nvidia.com/gpu": {"nvidia-com-gpu-0": true, "nvidia-com-gpu-1": false}}
//
// Each resource has a socket of its own. A change of health is told to the kubelet at once; when the kubelet was
// restarted every resource registers again. A container finds its devices in LOCALCLUSTER_DEVICES_<RESOURCE>.
package main

import (
	"encoding/json"
	"log"
	"os"
	"time"
)

// look is how often the file and the kubelet's socket are looked at: at once, as far as people and tests can tell.
const look = 20 * time.Millisecond

// health tells of every device of a resource whether it is healthy.
type health map[string]bool

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: deviceplugin FILE FOLDER")
	}
	file, folder := os.Args[1], os.Args[2]
	plugins := map[string]*plugin{}
	var read time.Time
	for ; ; time.Sleep(look) {
		if changed, err := os.Stat(file); err == nil && !changed.ModTime().Equal(read) {
			found, err := load(file)
			if err != nil {
				log.Printf("%s: %v", file, err)
				continue
			}
			read = changed.ModTime()
			for resource, devices := range found {
				if plugins[resource] == nil {
					plugins[resource] = newPlugin(resource, folder)
				}
				plugins[resource].set(devices)
			}
		}
		for _, one := range plugins {
			one.keepRegistered()
		}
	}
}

func load(file string) (map[string]health, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var found map[string]health
	return found, json.Unmarshal(text, &found)
}
