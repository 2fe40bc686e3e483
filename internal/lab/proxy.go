package lab

import (
	"context"
	"errors"
)

type proxy struct{}

func (p *proxy) close() {}

func (l *Lab) held(e edge) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.proxies[e]
	return ok
}

// Stall makes the edge run through a TCP proxy that accepts and forwards
// nothing until Resume.
func (l *Lab) Stall(ctx context.Context, provider, subscriber string) error {
	return errors.New("not built yet")
}

// Resume lets a stalled edge flow again and waits until it replicates.
func (l *Lab) Resume(ctx context.Context, provider, subscriber string) error {
	return errors.New("not built yet")
}
