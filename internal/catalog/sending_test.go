package catalog

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Only a walsender that is caught in a moment is looked at again.
func TestUnderWay(t *testing.T) {
	f := &Facts{Server: Server{WALFlush: 5 << 20}, Slots: []Slot{{Type: "logical", ActivePID: 7}, {Type: "physical", ActivePID: 8}}}
	end := f.Server.WALFlush
	for name, c := range map[string]struct {
		s    Sender
		want bool
	}{
		"all sent and applied":                      {Sender{PID: 7, State: "streaming", Sent: end, Replay: end}, false},
		"sent and applied what came later, too":     {Sender{PID: 7, State: "streaming", Sent: end + 64, Replay: end + 64}, false},
		"applied what was asked for, not the later": {Sender{PID: 7, State: "streaming", Sent: end + 64, Replay: end}, false},
		"sending":                    {Sender{PID: 7, State: "streaming", Sent: end - 32, Replay: end - 32}, true},
		"nothing that could be sent": {Sender{PID: 7, State: "streaming", Sent: end - 32, Replay: end - 32, WaitsForWAL: true}, false},
		"an answer is on its way":    {Sender{PID: 7, State: "streaming", Sent: end, Replay: end - 32}, true},
		"an answer to less than all": {Sender{PID: 7, State: "streaming", Sent: end - 32, Replay: end - 64, WaitsForWAL: true}, true},
		"far behind":                 {Sender{PID: 7, State: "streaming", Sent: end, Replay: end - 2<<20}, false},
		"never answered":             {Sender{PID: 7, State: "streaming", Sent: end}, false},
		"catching up":                {Sender{PID: 7, State: "catchup", Sent: end, Replay: end - 32}, false},
		"a standby's":                {Sender{PID: 8, State: "streaming", Sent: end, Replay: end - 32}, false},
	} {
		require.Equal(t, c.want, f.underWay(c.s), name)
	}
}
