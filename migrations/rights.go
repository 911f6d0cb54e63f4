package migrations

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// Hindrance returns an error for the operator if something keeps this program from applying a step on PostgreSQL: a
// missing privilege of its role, or the missing extension pg_trgm. It returns nil if it finds nothing. It does not try
// the step.
func Hindrance(ctx context.Context, db *bun.DB) error {
	if db.Dialect().Name() != dialect.PG {
		return nil
	}
	var r struct {
		Role, Schema, Owner, Elsewhere       string
		Tables, Usable, Available, MayExtend bool
	}
	// Searching by parts of words needs trigrams. pg_trgm is a trusted extension, so a role that may create objects in
	// the database may create it. Once it exists, nobody needs that privilege.
	if err := db.QueryRowContext(ctx, `SELECT current_user, coalesce(current_schema(), ''),
		coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
		coalesce((SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('bun_migrations') AND NOT pg_has_role(relowner, 'USAGE')), ''),
		EXISTS (SELECT 1 FROM pg_opclass WHERE opcname = 'gin_trgm_ops' AND pg_opclass_is_visible(oid)),
		coalesce((SELECT nspname FROM pg_extension JOIN pg_namespace AS n ON n.oid = extnamespace WHERE extname = 'pg_trgm'), ''),
		EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'),
		has_database_privilege(current_database(), 'CREATE')
			AND EXISTS (SELECT 1 FROM pg_available_extension_versions WHERE name = 'pg_trgm' AND trusted)
			OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)`).
		Scan(&r.Role, &r.Schema, &r.Tables, &r.Owner, &r.Usable, &r.Elsewhere, &r.Available, &r.MayExtend); err != nil {
		return fmt.Errorf("ask what this role may do: %w", err)
	}
	switch {
	case r.Owner != "":
		return fmt.Errorf("the role %q may not change the schema, which belongs to the role %q: run `app migrate` as that one", r.Role, r.Owner)
	case r.Schema == "":
		return fmt.Errorf("no schema in the search_path of the role %q is there, or it may not use it: GRANT USAGE, CREATE ON SCHEMA public TO %q", r.Role, r.Role)
	case !r.Tables:
		return fmt.Errorf("the role %q may not create tables: let the owner of the database run GRANT CREATE ON SCHEMA %q TO %q", r.Role, r.Schema, r.Role)
	case r.Usable:
		return nil
	case r.Elsewhere != "":
		return fmt.Errorf("the extension pg_trgm is in the schema %q, which is not in the search_path of the role %q: add it with ALTER ROLE … SET search_path", r.Elsewhere, r.Role)
	case !r.Available:
		return errors.New("the extension pg_trgm is not installed on the database server: it comes with PostgreSQL's contrib modules")
	case !r.MayExtend:
		return fmt.Errorf("the extension pg_trgm is missing, and the role %q may not create it: let the owner of the database run CREATE EXTENSION pg_trgm", r.Role)
	}
	return nil
}
