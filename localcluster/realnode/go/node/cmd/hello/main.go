// Command hello is the one program of the image that comes with real nodes, for tests and first steps.
//
// It runs its arguments as verbs, one after the other:
//
//	print TEXT    write a line
//	env PREFIX    write every environment variable whose name starts so
//	lookup NAME   write the addresses of a DNS name, sorted, trying for up to 30 s
//	version       ask the API server of this cluster for its version, as the pod's service account
//	exit CODE     end with this code
//	wait          go on until SIGTERM
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
}

func run(words []string) error {
	next := func() string {
		if len(words) == 0 {
			return ""
		}
		word := words[0]
		words = words[1:]
		return word
	}
	for len(words) > 0 {
		switch verb := next(); verb {
		case "print":
			fmt.Println(next())
		case "env":
			environment(next())
		case "lookup":
			if err := lookup(next()); err != nil {
				return err
			}
		case "version":
			if err := version(); err != nil {
				return err
			}
		case "exit":
			code, err := strconv.Atoi(next())
			if err != nil {
				return err
			}
			os.Exit(code)
		case "wait":
			end := make(chan os.Signal, 1)
			signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
			<-end
			return nil
		default:
			return fmt.Errorf("unknown verb %q; verbs are print, env, lookup, version, exit and wait", verb)
		}
	}
	return nil
}

func environment(prefix string) {
	found := os.Environ()
	sort.Strings(found)
	for _, entry := range found {
		if strings.HasPrefix(entry, prefix) {
			fmt.Println(entry)
		}
	}
}

func lookup(name string) error {
	var last error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		addresses, err := net.LookupHost(name)
		if err == nil {
			sort.Strings(addresses)
			fmt.Println(name, strings.Join(addresses, " "))
			return nil
		}
		last = err
	}
	return last
}

func version() error {
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	client := http.Client{
		Timeout:   20 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}},
	}
	host := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	request, err := http.NewRequest(http.MethodGet, "https://"+host+"/version", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	fmt.Println(response.StatusCode, string(body))
	return nil
}
