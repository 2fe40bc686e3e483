package compare_test

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgconcord/pgconcord/internal/lab"
)

// wire is a TCP proxy that can be cut, or be made to swallow everything from some
// word of a client's on.
type wire struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	down     bool
	word     string
	silent   bool
	conns    []net.Conn
}

func newWire(t *testing.T, port int) *wire {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{listener: l, target: fmt.Sprintf("127.0.0.1:%d", port)}
	t.Cleanup(func() { _ = l.Close(); w.cut() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go w.serve(client)
		}
	}()
	return w
}

func (w *wire) serve(client net.Conn) {
	w.mu.Lock()
	target := w.target
	w.mu.Unlock()
	server, err := net.Dial("tcp4", target)
	w.mu.Lock()
	if err != nil || w.down {
		_ = client.Close()
		if err == nil {
			_ = server.Close()
		}
		w.mu.Unlock()
		return
	}
	w.conns = append(w.conns, client, server)
	w.mu.Unlock()
	go w.pump(client, server)
	w.pump(server, client)
}

func (w *wire) pump(to, from net.Conn) {
	defer func() { _ = to.Close() }()
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		w.silent = w.silent || w.word != "" && bytes.Contains(buf[:n], []byte(w.word))
		silent := w.silent
		w.mu.Unlock()
		if !silent {
			if _, failed := to.Write(buf[:n]); failed != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// swallow makes the wire swallow everything once a client has sent this word.
func (w *wire) swallow(word string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.word = word
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

// lead makes the wire end at another server.
func (w *wire) lead(port int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = fmt.Sprintf("127.0.0.1:%d", port)
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}

func (w *wire) dsn() string {
	return fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s user=%s", w.listener.Addr().(*net.TCPAddr).Port, lab.Database, lab.Superuser)
}
