package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// prepare makes a temporary folder, and has the programs built there if they were not given. remove removes the folder.
func (r *running) prepare(ctx context.Context, programs ...string) (temporary string, remove func() error, err error) {
	if temporary, err = os.MkdirTemp("", "kontor-bench"); err != nil {
		return "", nil, err
	}
	remove = func() error { return os.RemoveAll(temporary) }
	if r.Programs, err = r.built(ctx, temporary, programs...); err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return temporary, remove, nil
}

// built returns the folder with the programs. It compiles them into dir if they were not given.
func (r running) built(ctx context.Context, dir string, programs ...string) (string, error) {
	if r.Programs != "" {
		return filepath.Abs(r.Programs)
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	for _, p := range programs {
		args = append(args, "kontor/"+p)
	}
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput() //nolint:gosec // the programs are constants
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
}

// process is a program that runs on its own.
type process struct {
	name    string
	cmd     *exec.Cmd
	input   io.Closer // the process's standard input: the bare handler ends when it is closed
	address string    // host and port where it answers
	log     string    // the file with its output
	done    chan struct{}
}

// launched says how a process is started.
type launched struct {
	name     string // of the process, and of its log
	program  string
	args     []string
	settings map[string]string // its environment, besides PATH
	dir      string            // where its log is written
	silent   bool              // it says no address when it is ready
}

// ready is the line that a program prints when it listens.
var ready = regexp.MustCompile(` is at (http://\S+)\s*$`)

// start starts a process and waits until it says where it is.
func start(ctx context.Context, l launched) (*process, error) {
	p := &process{name: l.name, cmd: exec.Command(l.program, l.args...), log: filepath.Join(l.dir, l.name+".log"), done: make(chan struct{})} //nolint:gosec,noctx // a program that was just built; stop ends it gently
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range l.settings {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = log
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	at := make(chan string, 1)
	go func() {
		follow(out, log, at)
		_ = p.cmd.Wait() // ProcessState says how it ended
		_ = log.Close()
		close(p.done)
	}()
	if l.silent {
		return p, nil
	}
	select {
	case base := <-at:
		p.address, err = p.listens(base, l.settings["LISTEN"])
	case <-p.done:
		err = fmt.Errorf("%s ended with %s:\n%s", p.name, p.cmd.ProcessState, p.said())
	case <-time.After(5 * time.Minute):
		err = fmt.Errorf("%s did not start within five minutes:\n%s", p.name, p.said())
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// follow copies what a process prints to its log until the process ends, and passes on the address that it says.
func follow(out io.Reader, log io.Writer, at chan<- string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		_, _ = fmt.Fprintln(log, lines.Text())
		if m := ready.FindStringSubmatch(lines.Text()); m != nil {
			select {
			case at <- m[1]:
			default:
			}
		}
	}
	_, _ = io.Copy(io.Discard, out) // after a line that is too long
}

// listens returns where a process answers: at LISTEN or, if that leaves the port to the system, at the port in the address
// that it has printed.
func (p *process) listens(printed, listen string) (string, error) {
	if listen != "" && !strings.HasSuffix(listen, ":0") {
		return listen, nil
	}
	u, err := url.Parse(printed)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort("127.0.0.1", u.Port()), nil
}

// said is the end of what a process has printed.
func (p *process) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4<<10):])
}

// stop asks a process to end, and waits until it has.
func (p *process) stop() error {
	_ = p.input.Close()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = p.cmd.Process.Kill() // a system without this signal
	}
	select {
	case <-p.done:
	case <-time.After(40 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not end when it was asked to:\n%s", p.name, p.said())
	}
	return nil
}

// freeAddress is an address on loopback that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
