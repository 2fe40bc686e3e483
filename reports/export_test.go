package reports

// Visible is the width of a line as a terminal shows it.
func Visible(s string) int { return visible(s) }
