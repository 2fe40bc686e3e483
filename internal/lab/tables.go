package lab

// placement says which nodes hold what each replication set carries; the first
// of a list is the one that applications write to.
var placement = map[string][]string{
	"ref":    {"dc1n1", "dc1n2", "dc2n1", "dc2n2", "dr1n1", "dr1n2"},
	"shard1": {"dc1n1", "dc1n2", "dr1n1"},
	"shard2": {"dc2n1", "dc2n2", "dr1n2"},
}

// setNames in the order of the specification. Each is the name of a replication
// set and of the schema whose tables it carries.
var setNames = []string{"ref", "shard1", "shard2"}

// tables are the application's, by schema: keys of text, of one bigint, of
// (bigint, int) and of (text, uuid); numeric, timestamptz, jsonb, boolean, and
// NULLs. %s is the schema.
func tables(set string) string {
	if set == "ref" {
		return `
CREATE SCHEMA ref;
CREATE TABLE ref.currency (
	code text PRIMARY KEY,
	name text NOT NULL,
	rate numeric NOT NULL,
	active boolean NOT NULL,
	updated_at timestamptz NOT NULL);
CREATE TABLE ref.product (
	id bigint PRIMARY KEY,
	name text NOT NULL,
	price numeric(12, 2),
	attributes jsonb,
	discontinued boolean NOT NULL DEFAULT false,
	updated_at timestamptz NOT NULL);`
	}
	return `
CREATE SCHEMA ` + set + `;
CREATE TABLE ` + set + `.customer (
	id bigint PRIMARY KEY,
	name text NOT NULL,
	email text,
	balance numeric NOT NULL,
	profile jsonb,
	vip boolean,
	created_at timestamptz NOT NULL);
CREATE TABLE ` + set + `.entry (
	account bigint,
	seq int,
	amount numeric NOT NULL,
	note text,
	booked_at timestamptz NOT NULL,
	PRIMARY KEY (account, seq));
CREATE TABLE ` + set + `.device (
	tenant text,
	device uuid,
	label text,
	settings jsonb NOT NULL DEFAULT '{}',
	seen_at timestamptz,
	PRIMARY KEY (tenant, device));`
}

// seed is what a node writes of a set: the nodes that hold it take turns, so
// that rows have several origins. Every value follows from its number.
type seed struct{ set, node, sql string }

func seeds() []seed {
	s := []seed{
		{"ref", "dc1n1", `
INSERT INTO ref.currency SELECT 'C' || lpad(g::text, 2, '0'), 'Currency ' || g, 1 + g / 7.0, g % 9 <> 0, '2026-01-01 00:00Z'::timestamptz + g * interval '1 hour' FROM generate_series(1, 60) g`},
		{"ref", "dc2n1", `
INSERT INTO ref.product SELECT g, 'Produkt Nº ' || g, CASE WHEN g % 11 > 0 THEN g * 1.25 END,
	CASE WHEN g % 5 > 0 THEN jsonb_build_object('weight', g / 8.0, 'tags', jsonb_build_array('t' || g % 7, NULL)) END,
	g % 13 = 0, '2026-01-02 00:00Z'::timestamptz + g * interval '1 minute' FROM generate_series(1, 600) g`},
	}
	for _, set := range []string{"shard1", "shard2"} {
		first, second := placement[set][0], placement[set][1]
		s = append(s, seed{set, first, `
INSERT INTO ` + set + `.customer SELECT g, 'Customer ' || g, CASE WHEN g % 4 > 0 THEN 'c' || g || '@example.org' END, g * 3.10 - 500,
	CASE WHEN g % 3 > 0 THEN jsonb_build_object('lang', CASE WHEN g % 2 = 0 THEN 'de' ELSE 'en' END, 'points', g) END,
	CASE g % 3 WHEN 0 THEN true WHEN 1 THEN false END, '2026-02-01 00:00Z'::timestamptz + g * interval '61 seconds' FROM generate_series(1, 800) g;
INSERT INTO ` + set + `.entry SELECT g / 4 + 1, g % 4, (g * 7919 % 20011) / 100.0 - 100, CASE WHEN g % 6 = 0 THEN 'note ' || g END,
	'2026-03-01 00:00Z'::timestamptz + g * interval '17 seconds' FROM generate_series(0, 1999) g`},
			seed{set, second, `
INSERT INTO ` + set + `.device SELECT 'tenant-' || g % 10, md5('device ' || g)::uuid, CASE WHEN g % 5 > 0 THEN 'Device ' || g END,
	jsonb_build_object('n', g), CASE WHEN g % 8 > 0 THEN '2026-04-01 00:00Z'::timestamptz + g * interval '1.5 seconds' END FROM generate_series(1, 300) g`})
	}
	return s
}
