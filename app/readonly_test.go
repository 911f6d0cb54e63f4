package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nobody is the user without rights. Root may write everywhere, so tests of what can't be written run as nobody.
const nobody = 65534

// TestReadOnlyFile: a program that may not write to its SQLite file, or to the file's folder, says so and ends.
func TestReadOnlyFile(t *testing.T) {
	built := build(t)
	//nolint:gosec // others run it here
	require.NoError(t, os.Chmod(filepath.Dir(built.app), 0o755))
	for name, shut := range map[string]func(dir string) error{
		"the file":   func(dir string) error { return os.Chmod(filepath.Join(dir, "kontor.db"), 0o400) },
		"the folder": func(dir string) error { return os.Chmod(dir, 0o500) }, //nolint:gosec // it is what is tried
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "kontor-readonly")
			require.NoError(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			var as syscall.SysProcAttr
			if os.Geteuid() == 0 {
				as.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
				require.NoError(t, os.Chown(dir, nobody, nobody))
			}
			program := func() *exec.Cmd {
				cmd := exec.Command(built.app)
				cmd.SysProcAttr = &as
				return cmd
			}
			settings := map[string]string{"LISTEN": freeAddress(t), "DATA_DIR": dir}
			first := start(t, program(), &output{}, settings)
			first.answers("http://" + settings["LISTEN"])
			first.terminate()
			require.NoError(t, shut(dir))
			out := &output{}
			second := start(t, program(), out, settings)
			<-second.done
			code := second.cmd.ProcessState.ExitCode()
			assert.Equal(t, 1, code, "ended")
			assert.Contains(t, out.String(), "kontor: the database can be read only (")
		})
	}
}
