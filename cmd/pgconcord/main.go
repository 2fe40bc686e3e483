// Command pgconcord checks multi-master PostgreSQL clusters: the plan, the
// running cluster, and the rows.
package main

import "os"

func main() { os.Exit(newApp().run(os.Args[1:])) }
