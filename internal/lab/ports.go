package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
)

// Ports for servers: below 32768, where Linux begins to hand ports out to
// outgoing connections, so that a port which was free stays free.
const (
	firstPort = 20000
	lastPort  = 31999
)

var (
	portsMu sync.Mutex
	ports   = map[int]portHold{}
)

type portHold struct {
	owner any
	lock  net.Listener // nil where there are no abstract sockets
}

// reservePort picks a port at random that nothing listens on, and holds it for
// the owner against all labs of this machine, also while the server on it is
// down. The hold is an abstract Unix socket: the kernel drops it when the
// process ends. Somebody else may still take the port, so a start that fails
// tries another one.
func reservePort(owner any) (int, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if _, held := ports[port]; held {
			continue
		}
		var lock net.Listener
		if runtime.GOOS == "linux" {
			var err error
			if lock, err = net.Listen("unix", fmt.Sprintf("@pgconcord-lab-port-%d", port)); err != nil {
				continue
			}
		}
		probe, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			if lock != nil {
				_ = lock.Close()
			}
			continue
		}
		_ = probe.Close()
		ports[port] = portHold{owner, lock}
		return port, nil
	}
	return 0, errors.New("no free port between 20000 and 31999 on 127.0.0.1")
}

// releasePorts gives all ports of an owner back.
func releasePorts(owner any) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for port, h := range ports {
		if h.owner == owner {
			if h.lock != nil {
				_ = h.lock.Close()
			}
			delete(ports, port)
		}
	}
}
