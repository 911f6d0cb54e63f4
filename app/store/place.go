package store

import (
	"context"
	"fmt"
	"os"
	"syscall"
)

// Place identifies this database, as opposed to a copy of it with the same rows: on PostgreSQL by the server's system
// identifier and the database's OID, on SQLite by the inode number of the file. It is the same for every process and
// every address. It is different after the rows were restored into another database or file. A copy of a whole
// PostgreSQL server, made file by file, can't be distinguished from the original.
func (db *DB) Place(ctx context.Context) (string, error) {
	if db.IsPostgres() {
		var server, number int64
		err := db.NewRaw(`SELECT (SELECT system_identifier FROM pg_control_system()), oid FROM pg_database WHERE datname = current_database()`).
			Scan(ctx, &server, &number)
		if err != nil {
			return "", fmt.Errorf("ask which database this is: %w", err)
		}
		return fmt.Sprintf("postgres %d %d", server, number), nil
	}
	var file string
	if err := db.NewRaw(`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(ctx, &file); err != nil {
		return "", fmt.Errorf("ask which database this is: %w", err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("look at the database's file: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "sqlite " + file, nil
	}
	return fmt.Sprintf("sqlite %d", stat.Ino), nil
}
