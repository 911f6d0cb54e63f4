package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is the user without rights. Root may write everywhere, so tests of what can't be written run as nobody.
const nobody = 65534

// TestReadOnlyFile: a program that may not write to its SQLite file, or to the file's folder, says so and ends.
func TestReadOnlyFile(t *testing.T) {
	built := build(t)
	if err := os.Chmod(filepath.Dir(built.app), 0o755); err != nil { //nolint:gosec // others run it here
		t.Fatal(err)
	}
	for name, shut := range map[string]func(dir string) error{
		"the file":   func(dir string) error { return os.Chmod(filepath.Join(dir, "kontor.db"), 0o400) },
		"the folder": func(dir string) error { return os.Chmod(dir, 0o500) }, //nolint:gosec // it is what is tried
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "kontor-readonly")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			as := &syscall.SysProcAttr{}
			if os.Geteuid() == 0 {
				as.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
				if err := os.Chown(dir, nobody, nobody); err != nil {
					t.Fatal(err)
				}
			}
			settings := map[string]string{"LISTEN": freeAddress(t), "DATA_DIR": dir}
			first := launchAs(t, as, &output{}, settings, built.app)
			first.answers("http://" + settings["LISTEN"])
			first.terminate()
			if err := shut(dir); err != nil {
				t.Fatal(err)
			}
			out := &output{}
			second := launchAs(t, as, out, settings, built.app)
			<-second.done
			if code := second.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(out.String(), "kontor: the database can be read only (") {
				t.Errorf("ended with %d:\n%s", code, out)
			}
		})
	}
}
