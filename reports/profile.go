package reports

// Profile is a compliance profile as a run answers it: controls of a document
// and the rules that stand for them.
type Profile struct {
	Name     string    `json:"name"`
	Title    string    `json:"title"`
	Version  string    `json:"version,omitempty"`
	Controls []Control `json:"controls"`
}

// ControlState is the answer for a control.
type ControlState string

// The states. Whatever could not be told makes a control inconclusive, unless
// it is known to be broken.
const (
	ControlPassed        ControlState = "passed"
	ControlFailed        ControlState = "failed"
	ControlInconclusive  ControlState = "inconclusive"
	ControlNotApplicable ControlState = "not applicable"
)

// Control is a demand of the profile's document.
type Control struct {
	ID     string       `json:"id"`
	Title  string       `json:"title"`
	Rules  []string     `json:"rules"` // names that stand for it
	State  ControlState `json:"state"`
	Why    string       `json:"why,omitempty"` // what it rests on
	Waived int          `json:"waived,omitempty"`
}
