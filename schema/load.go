package schema

import (
	"context"
	"errors"
)

// Options of [Load].
type Options struct {
	// Policy holds the house's own rules: CUE files of package topology.
	Policy []Input
}

// Load reads one topology out of one or more inputs that are merged, and
// judges it by every layout rule. It returns an [*InputError] when the inputs
// have no usable shape; a topology that only breaks rules is no error.
func Load(ctx context.Context, inputs []Input, opt Options) (*Plan, error) {
	return nil, errors.New("not built yet")
}

// Rules returns the built-in layout rules, sorted by name.
func Rules() ([]Rule, error) {
	return nil, errors.New("not built yet")
}
