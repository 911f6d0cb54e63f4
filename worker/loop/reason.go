package loop

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"kontor/app/courier"
	"kontor/app/fault"
)

// codes are the first words of Redis's errors that mean that it can't serve.
var codes = map[string]courier.QueueReason{
	"OOM": courier.QueueFull, "READONLY": courier.QueueReadOnly, "MISCONF": courier.QueueDisk, "NOREPLICAS": courier.QueueReplicas,
	"LOADING": courier.QueueLoading, "MASTERDOWN": courier.QueueMasterDown, "NOAUTH": courier.QueuePassword,
	"WRONGPASS": courier.QueuePassword, "NOPERM": courier.QueueRights, "DENIED": courier.QueueProtected,
	"CLUSTERDOWN": courier.QueueClusterDown, "MOVED": courier.QueueClusterNode, "ASK": courier.QueueClusterNode,
	"CROSSSLOT": courier.QueueClusterNode, "BUSY": courier.QueueBusy, "UNKILLABLE": courier.QueueBusy,
}

// sentences are parts of errors whose first word is ERR, in lower case.
var sentences = []struct {
	part   string
	reason courier.QueueReason
}{
	{"db index is out of range", courier.QueueDatabase},
	{"invalid db index", courier.QueueDatabase},
	{"select is not allowed in cluster mode", courier.QueueClusterNode},
	{"cluster support disabled", courier.QueueNoCluster},
	{"max number of clients reached", courier.QueueClients},
	{"auth <password> called without any password configured", courier.QueuePassword},
	{"client sent auth, but no password is set", courier.QueuePassword},
	{"invalid password", courier.QueuePassword},
	{"operation not permitted", courier.QueuePassword},
	{"no such master with that name", courier.QueueNoMaster},
	{"unknown command 'sentinel'", courier.QueueNoSentinel},
	{"unknown command `sentinel`", courier.QueueNoSentinel},
	// errors of a Sentinel when the address is configured as a server
	{"unknown command 'set'", courier.QueueOther},
	{"unknown command `set`", courier.QueueOther},
}

// reasonOf returns why Redis can't be used, given the error of a command. It is "" when Redis can be used: it has
// answered, perhaps with an error about the command itself.
func reasonOf(err error) courier.QueueReason {
	var reply redis.Error
	var record tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	var alert tls.AlertError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return ""
	case errors.Is(err, errNoMaster):
		return courier.QueueNoMaster
	case errors.As(err, &record), errors.As(err, &verify), errors.As(err, &alert), errors.As(err, &authority), errors.As(err, &host):
		return courier.QueueTLS
	case errors.As(err, &reply):
		return reasonOfReply(reply.Error())
	}
	text := err.Error()
	if r := reasonOfReply(text[strings.LastIndex(text, "\n")+1:]); r != "" {
		return r
	}
	if strings.Contains(text, "cluster has no nodes") || strings.Contains(text, "cannot load information about cluster") {
		return courier.QueueClusterDown
	}
	return courier.QueueSilent
}

func reasonOfReply(text string) courier.QueueReason {
	code, rest, _ := strings.Cut(text, " ")
	if r, known := codes[code]; known {
		return r
	}
	lower := strings.ToLower(rest)
	if code != "ERR" {
		return ""
	}
	for _, s := range sentences {
		if strings.Contains(lower, s.part) {
			return s.reason
		}
	}
	// Before Redis 7 an error inside a script comes wrapped: "ERR Error running script (…): @user_script:1: -OOM command …".
	if strings.HasPrefix(lower, "error running script") {
		for c, r := range codes {
			if strings.Contains(rest, "-"+c+" ") {
				return r
			}
		}
	}
	return ""
}

// errNoMaster replaces the client library's redis.Nil when the Sentinels don't know the master. In other places redis.Nil
// means an answer.
var errNoMaster = errors.New("the Sentinels don't know this master")

// errAway is the base of all errors that mean that a queue can't be used.
var errAway = fault.New(fault.Unavailable, "queue.away")

// awayError is errAway with its reason.
type awayError struct{ reason courier.QueueReason }

// Error is the reason in English.
func (e awayError) Error() string { return e.reason.Words() }

// Unwrap makes the error a fault.Unavailable.
func (e awayError) Unwrap() error { return errAway }

// awayBecause returns the awayError for err.
func awayBecause(err error) awayError {
	var known awayError
	if errors.As(err, &known) {
		return known
	}
	r := reasonOf(err)
	if r == "" {
		r = courier.QueueOther
	}
	return awayError{r}
}
