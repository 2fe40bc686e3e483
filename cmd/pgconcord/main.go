// Command pgconcord checks multi-master PostgreSQL clusters.
package main

import "fmt"

func main() { fmt.Println("not built yet") }
