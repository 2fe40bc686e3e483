package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
)

// Traffic is what clients did over a [Wire].
type Traffic struct {
	Connections int // opened, cancel requests among them
	AtOnce      int // open at one time, at the most
	RoundTrips  int // times that a client waited for the server: the login, then one for each time it spoke after all was answered
	Statements  int // executed, of the simple and the extended protocol
}

// Wire is a TCP proxy before a node that counts by the frontend/backend
// protocol what clients do. It is for connections without TLS.
type Wire struct {
	Port int

	node     *Node
	listener net.Listener

	mu    sync.Mutex
	count Traffic
	conns map[net.Conn]bool
	open  int
}

// Wire starts one; close it when done.
func (n *Node) Wire() (*Wire, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("node %s: count its traffic: %w", n.Name, err)
	}
	w := &Wire{Port: ln.Addr().(*net.TCPAddr).Port, node: n, listener: ln, conns: map[net.Conn]bool{}}
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			go w.serve(client)
		}
	}()
	return w, nil
}

// Redirect returns text, such as a topology, with the node's port replaced by
// the wire's.
func (w *Wire) Redirect(text string) string {
	return strings.ReplaceAll(text, fmt.Sprintf("port=%d ", w.node.Port), fmt.Sprintf("port=%d ", w.Port))
}

// Traffic returns what was counted since the last call.
func (w *Wire) Traffic() Traffic {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.count
	w.count = Traffic{}
	return t
}

// Close cuts every connection and refuses new ones.
func (w *Wire) Close() {
	_ = w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
}

func (w *Wire) serve(client net.Conn) {
	server, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", w.node.Port))
	if err != nil {
		_ = client.Close()
		return
	}
	w.mu.Lock()
	w.conns[client], w.conns[server] = true, true
	w.open++
	w.count.Connections++
	w.count.AtOnce = max(w.count.AtOnce, w.open)
	w.mu.Unlock()
	d := &dialogue{wire: w}
	var both sync.WaitGroup
	both.Go(func() { pump(server, client, &messages{startup: true, each: d.asked}) })
	both.Go(func() { pump(client, server, &messages{each: d.answered}) })
	both.Wait()
	w.mu.Lock()
	delete(w.conns, client)
	delete(w.conns, server)
	w.open--
	w.mu.Unlock()
}

// pump forwards one direction; what passes is counted before it is sent on.
func pump(to, from net.Conn, m *messages) {
	buf := make([]byte, 1<<20)
	for {
		n, err := from.Read(buf)
		m.take(buf[:n])
		if n > 0 {
			if _, failed := to.Write(buf[:n]); failed != nil {
				err = errors.Join(err, failed)
			}
		}
		if err != nil {
			_, _ = to.Close(), from.Close()
			return
		}
	}
}

// messages splits one direction into messages and tells the type of each: 0
// for the first of a client, which has none.
type messages struct {
	startup bool
	each    func(kind byte)

	head []byte // of the message that begins
	skip int    // of its body
}

func (m *messages) take(b []byte) {
	for len(b) > 0 {
		if m.skip > 0 {
			n := min(m.skip, len(b))
			m.skip -= n
			b = b[n:]
			continue
		}
		size := 5 // the type, then the length of itself and the body
		if m.startup {
			size = 4
		}
		n := min(size-len(m.head), len(b))
		m.head = append(m.head, b[:n]...)
		b = b[n:]
		if len(m.head) < size {
			return
		}
		kind := byte(0)
		if !m.startup {
			kind = m.head[0]
		}
		m.skip = int(binary.BigEndian.Uint32(m.head[size-4:])) - 4
		m.head, m.startup = m.head[:0], false
		m.each(kind)
	}
}

// dialogue follows who waits for whom on one connection.
type dialogue struct {
	wire    *Wire
	pending int  // answers that end in ReadyForQuery and are still to come
	waiting bool // the client has spoken, and not all is answered
}

func (d *dialogue) asked(kind byte) {
	d.wire.mu.Lock()
	defer d.wire.mu.Unlock()
	switch kind {
	case 'X': // Terminate: nobody waits
		return
	case 0, 'Q', 'S': // startup, Query, Sync
		d.pending++
	}
	if kind == 'Q' || kind == 'E' { // Query, Execute
		d.wire.count.Statements++
	}
	if !d.waiting || kind == 'p' { // a password answers what the server asked
		d.wire.count.RoundTrips++
	}
	d.waiting = true
}

func (d *dialogue) answered(kind byte) {
	if kind != 'Z' { // ReadyForQuery
		return
	}
	d.wire.mu.Lock()
	defer d.wire.mu.Unlock()
	if d.pending--; d.pending == 0 {
		d.waiting = false
	}
}
