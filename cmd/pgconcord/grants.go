package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/pgconcord/pgconcord/internal/catalog"
)

type grantsOptions struct{ flavour, role string }

func newGrantsCmd(a *app) *cobra.Command {
	var o grantsOptions
	var names []string
	for _, f := range catalog.Flavours() {
		names = append(names, string(f))
	}
	cmd := &cobra.Command{
		Use:   "grants",
		Short: "Print the SQL of the least-privilege role",
		Long: `Prints the SQL that makes a role with the least rights under which every check
finds what it reads. Nothing is contacted; review it and run it on every node.`,
		Example: example(
			"pgconcord grants",
			"pgconcord grants --flavor pglogical-2 --role auditor",
		),
		Args: args(cobra.NoArgs, "grants takes none"),
		RunE: func(*cobra.Command, []string) error { return runGrants(a, o) },
	}
	cmd.Flags().StringVar(&o.flavour, "flavor", string(catalog.PGLogical), "what replicates the nodes: "+strings.Join(names, ", "))
	cmd.Flags().StringVar(&o.role, "role", "pgconcord", "name of the role")
	return cmd
}

func runGrants(a *app, o grantsOptions) error {
	sql, err := catalog.Grants(catalog.Flavour(o.flavour), o.role)
	if err != nil {
		return usageError{err}
	}
	return a.print(sql)
}
