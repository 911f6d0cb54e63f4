package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// procfs is the file system /proc of Linux, in which the kernel tells what processes use.
type procfs struct{ fs.FS }

// openProc returns /proc. Other systems have none: then ok is false, and processor time and memory remain unknown.
func openProc() (p procfs, ok bool) { return procfs{os.DirFS("/proc")}, runtime.GOOS == "linux" }

// stat is what a measurement needs of /proc/<pid>/stat, see proc_pid_stat(5).
type stat struct {
	name      string
	processor time.Duration // in user mode and in the kernel
}

// tick is the unit of processor time in /proc. It is 1/100 s on every architecture, whatever the kernel's own timer is.
const tick = 10 * time.Millisecond

// parseStat reads the text of /proc/<pid>/stat. The name is in parentheses and may itself contain blanks and parentheses.
func parseStat(text string) (stat, error) {
	from, to := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if from < 0 || to < from {
		return stat{}, errors.New("no name in parentheses")
	}
	fields := strings.Fields(text[to+1:]) // from field 3 on
	if len(fields) < 13 {
		return stat{}, fmt.Errorf("%d fields after the name", len(fields))
	}
	var ticks [2]time.Duration // fields 14 and 15: utime and stime
	for i := range ticks {
		n, err := strconv.ParseInt(fields[11+i], 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("field %d: %w", 14+i, err)
		}
		ticks[i] = time.Duration(n) * tick
	}
	return stat{name: text[from+1 : to], processor: ticks[0] + ticks[1]}, nil
}

// parseAnonymous reads from the text of /proc/<pid>/status how many bytes of memory belong to no file: heap and stacks.
func parseAnonymous(text string) (int64, error) {
	for line := range strings.Lines(text) {
		value, ok := strings.CutPrefix(line, "RssAnon:")
		if !ok {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		return kilobytes << 10, err
	}
	return 0, errors.New("no line RssAnon")
}

func (p procfs) stat(pid string) (stat, error) {
	text, err := fs.ReadFile(p, pid+"/stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(text))
}

// processor returns the processor time that a process has used.
func (p procfs) processor(pid int) (time.Duration, error) {
	s, err := p.stat(strconv.Itoa(pid))
	return s.processor, err
}

// anonymous returns the memory of a process in bytes, without the pages of files.
func (p procfs) anonymous(pid int) (int64, error) {
	text, err := fs.ReadFile(p, strconv.Itoa(pid)+"/status")
	if err != nil {
		return 0, err
	}
	return parseAnonymous(string(text))
}

// backends returns the processor time of PostgreSQL's processes that serve a database. Each of them has the database in its
// command line: postgres: <user> <database> <client> <state>.
func (p procfs) backends(database string) (sum time.Duration, err error) {
	entries, err := fs.ReadDir(p, ".")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		s, err := p.stat(e.Name()) // an error: it has ended in the meantime
		if err != nil || s.name != "postgres" {
			continue
		}
		if line, err := fs.ReadFile(p, e.Name()+"/cmdline"); err == nil && slices.Contains(strings.Fields(string(line)), database) {
			sum += s.processor
		}
	}
	return sum, nil
}

// meter measures the processor time of a process, and of the PostgreSQL server for a database if it runs on this machine.
type meter struct {
	proc     procfs
	known    bool   // there is /proc
	database string // on a PostgreSQL server of this machine; "": none
}

func newMeter(db database) meter {
	proc, known := openProc()
	m := meter{proc: proc, known: known}
	if known && db.kind == postgres {
		m.database = localDatabase(db.url)
	}
	return m
}

// localDatabase returns the name of a database on this machine, "" for one on another machine.
func localDatabase(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	ip := net.ParseIP(u.Hostname())
	if u.Hostname() != "" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return ""
	}
	return strings.TrimPrefix(u.Path, "/")
}

// spent is processor time.
type spent struct{ program, postgres time.Duration }

// since returns what was used since before. PostgreSQL's processes may have ended since, with the time that they had used.
func (s spent) since(before spent) spent {
	return spent{s.program - before.program, max(0, s.postgres-before.postgres)}
}

// read returns the processor time that a process, and PostgreSQL, have used since they started. It is 0 where it is not
// known.
func (m meter) read(pid int) (s spent, err error) {
	if !m.known {
		return spent{}, nil
	}
	if s.program, err = m.proc.processor(pid); err != nil {
		return spent{}, err
	}
	if m.database != "" {
		s.postgres, err = m.proc.backends(m.database)
	}
	return s, err
}

// memory returns the anonymous memory of a process in bytes, 0 where it is not known.
func (m meter) memory(pid int) (int64, error) {
	if !m.known {
		return 0, nil
	}
	return m.proc.anonymous(pid)
}

// peak reads the memory of a process every five milliseconds until done is closed, and returns the largest value.
func (m meter) peak(pid int, done <-chan struct{}) (most int64, err error) {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		bytes, err := m.memory(pid)
		if err != nil {
			return most, err
		}
		most = max(most, bytes)
		select {
		case <-again.C:
		case <-done:
			return most, nil
		}
	}
}
