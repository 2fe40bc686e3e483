package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// proxy is a TCP proxy in this process that can hold its traffic. It ends with
// the process, and an edge that runs through it then is cut.
type proxy struct {
	target   string
	listener net.Listener
	answers  int64 // bytes of the server that pass on each connection; below 0: all
	abrupt   bool  // the connection is cut then, else nobody hears of it

	mu    sync.Mutex
	gate  chan struct{} // closed: traffic flows
	conns map[net.Conn]bool
	done  chan struct{}
	over  bool
}

func startProxy(owner any, target string) (*proxy, error) {
	return startFaltering(owner, target, -1, false)
}

func startFaltering(owner any, target string, answers int64, abrupt bool) (*proxy, error) {
	for range 10 {
		port, err := reservePort(owner)
		if err != nil {
			return nil, err
		}
		ln, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		p := &proxy{target: target, listener: ln, answers: answers, abrupt: abrupt, gate: make(chan struct{}), conns: map[net.Conn]bool{}, done: make(chan struct{})}
		close(p.gate)
		go p.accept()
		return p, nil
	}
	return nil, errPortTaken
}

func (p *proxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(client)
	}
}

func (p *proxy) serve(client net.Conn) {
	if !p.add(client) || !p.pass() {
		_ = client.Close()
		return
	}
	server, err := net.Dial("tcp4", p.target)
	if err != nil || !p.add(server) {
		p.remove(client)
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { p.copy(server, client, -1) })
	wg.Go(func() { p.copy(client, server, p.answers) })
	wg.Wait()
}

// copy forwards so many bytes of one direction (below 0: all), and closes both
// ends when it ends.
func (p *proxy) copy(to, from net.Conn, left int64) {
	defer p.remove(to)
	defer p.remove(from)
	buf := make([]byte, 32<<10)
	for {
		if left == 0 {
			if !p.abrupt {
				<-p.done
			}
			return
		}
		n, err := from.Read(buf)
		if left > 0 {
			n = int(min(int64(n), left))
			left -= int64(n)
		}
		if n > 0 {
			if !p.pass() {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits until traffic flows; false when the proxy is closed.
func (p *proxy) pass() bool {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	select {
	case <-gate:
		return true
	case <-p.done:
		return false
	}
}

func (p *proxy) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
		p.gate = make(chan struct{})
	default:
	}
}

func (p *proxy) flow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
	default:
		close(p.gate)
	}
}

func (p *proxy) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		_ = c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *proxy) remove(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// close cuts every connection and refuses new ones.
func (p *proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.over = true
	close(p.done)
	_ = p.listener.Close()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

// Faltering returns a connection string for the role [Reader] that leads to the
// node through a proxy. After so many bytes of the server's answers a connection
// falls silent or, with abrupt, is cut. stop ends the proxy.
func (n *Node) Faltering(after int64, abrupt bool) (dsn string, stop func(), err error) {
	p, err := startFaltering(n.home, fmt.Sprintf("127.0.0.1:%d", n.Port), after, abrupt)
	if err != nil {
		return "", nil, fmt.Errorf("node %s: start a proxy: %w", n.Name, err)
	}
	return (&Node{Port: p.port()}).ReaderDSN(), p.close, nil
}

func (l *Lab) proxy(e edge) *proxy {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.proxies[e]
}

// held reports whether an edge is stalled or cut.
func (l *Lab) held(e edge) bool { return l.proxy(e) != nil }

// Stall makes the edge run through a TCP proxy, waits until it replicates that
// way, and has the proxy accept and forward nothing from then on until
// [Lab.Resume]: the walsender goes on as if all were well until its timeout.
func (l *Lab) Stall(ctx context.Context, provider, subscriber string) error {
	p, err := l.throughProxy(ctx, edge{provider, subscriber})
	if err != nil {
		return err
	}
	p.hold()
	return nil
}

// Cut breaks the edge's connection and has every new one refused until
// [Lab.Resume]; the subscription stays enabled.
func (l *Lab) Cut(ctx context.Context, provider, subscriber string) error {
	p, err := l.throughProxy(ctx, edge{provider, subscriber})
	if err != nil {
		return err
	}
	p.close()
	return l.Node(provider).until(ctx, "the slot is idle", "SELECT NOT active FROM pg_replication_slots WHERE slot_name = $1", l.Slot(provider, subscriber))
}

// proxyInterface is the provider's second interface, known to the subscriber
// only.
const proxyInterface = "lab_proxy"

// throughProxy returns the proxy that the edge runs through, after putting it
// there.
func (l *Lab) throughProxy(ctx context.Context, e edge) (*proxy, error) {
	if p := l.proxy(e); p != nil {
		return p, nil
	}
	provider, subscriber := l.Node(e.provider), l.Node(e.subscriber)
	p, err := startProxy(l.home, fmt.Sprintf("127.0.0.1:%d", provider.Port))
	if err != nil {
		return nil, fmt.Errorf("start a proxy for %s: %w", e.subscription(), err)
	}
	l.mu.Lock()
	l.proxies[e] = p
	l.mu.Unlock()
	dsn := (&Node{Port: p.port()}).DSN()
	if err := subscriber.Exec(ctx, "SELECT pglogical.alter_node_add_interface($1::name, $2::name, $3::text)", e.provider, proxyInterface, dsn); err != nil {
		return nil, err
	}
	if err := subscriber.Exec(ctx, "SELECT pglogical.alter_subscription_interface($1::name, $2::name)", e.subscription(), proxyInterface); err != nil {
		return nil, err
	}
	if err := l.restartWorker(ctx, e); err != nil {
		return nil, err
	}
	if err := p.await(ctx, func(n int) bool { return n >= 2 }); err != nil {
		return nil, fmt.Errorf("waiting until %s runs through its proxy: %w", e.subscription(), err)
	}
	return p, l.replicate(ctx, e)
}

// await waits for a number of connections; an open edge has two, one a side.
func (p *proxy) await(ctx context.Context, enough func(int) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, waitLimit, errWaitLimit)
	defer cancel()
	for !enough(p.connections()) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// Resume takes a stalled or cut edge out of its proxy and waits until it
// replicates.
func (l *Lab) Resume(ctx context.Context, provider, subscriber string) error {
	e := edge{provider, subscriber}
	p := l.proxy(e)
	if p == nil {
		return errors.New(e.subscription() + " is neither stalled nor cut")
	}
	p.flow()
	n := l.Node(subscriber)
	if err := n.Exec(ctx, "SELECT pglogical.alter_subscription_interface($1::name, $2::name)", e.subscription(), provider); err != nil {
		return err
	}
	if err := n.Exec(ctx, "SELECT pglogical.alter_node_drop_interface($1::name, $2::name)", provider, proxyInterface); err != nil {
		return err
	}
	if err := l.restartWorker(ctx, e); err != nil {
		return err
	}
	if err := p.await(ctx, func(n int) bool { return n == 0 }); err != nil {
		return fmt.Errorf("waiting until %s leaves its proxy: %w", e.subscription(), err)
	}
	p.close()
	l.mu.Lock()
	delete(l.proxies, e)
	l.mu.Unlock()
	return l.replicate(ctx, e)
}
