package courier

import "time"

// QueueReason says what is wrong with the Redis that holds a queue. The texts for people are in views/locales under
// "queue_reason."; Words returns the text for the log and for readiness.
type QueueReason string

// The reasons. With each of them but QueueEvicts, messages wait in the outbox until the problem is solved.
const (
	QueueSilent      QueueReason = "silent"       // it does not answer
	QueueLoading     QueueReason = "loading"      // it reads its data after a start
	QueueFull        QueueReason = "full"         // maxmemory is reached
	QueueReadOnly    QueueReason = "read_only"    // a replica
	QueueDisk        QueueReason = "disk"         // it can't save, and so accepts no writes
	QueueReplicas    QueueReason = "replicas"     // fewer replicas than min-replicas-to-write
	QueueMasterDown  QueueReason = "master_down"  // a replica that has lost its master
	QueuePassword    QueueReason = "password"     // no password, a wrong password, or a wrong user
	QueueRights      QueueReason = "rights"       // the user may not run our commands or touch our keys
	QueueProtected   QueueReason = "protected"    // protected mode: no password is set, and only loopback may connect
	QueueDatabase    QueueReason = "database"     // no such database number
	QueueClients     QueueReason = "clients"      // maxclients is reached
	QueueBusy        QueueReason = "busy"         // a script blocks it
	QueueClusterDown QueueReason = "cluster_down" // the Cluster does not serve our part of the keys
	QueueClusterNode QueueReason = "cluster_node" // a node of a Cluster, but the address says a single server
	QueueNoCluster   QueueReason = "no_cluster"   // a single server, but the address says a Cluster
	QueueNoMaster    QueueReason = "no_master"    // the Sentinels don't know the master's name
	QueueNoSentinel  QueueReason = "no_sentinel"  // the server that answers is no Sentinel
	QueueTLS         QueueReason = "tls"          // TLS on one side only, or a certificate that is not trusted
	QueueOther       QueueReason = "other"        // any other error
	QueueEvicts      QueueReason = "evicts"       // maxmemory-policy evicts keys: messages are still sent, some late
)

var queueWords = map[QueueReason]string{ //nolint:gosec // words about passwords, none of them one
	QueueSilent:      "Redis does not answer",
	QueueLoading:     "Redis is loading its data",
	QueueFull:        "Redis is full: maxmemory is reached",
	QueueReadOnly:    "Redis is a read-only replica: REDIS_URL must name the master",
	QueueDisk:        "Redis can't save to its disk and takes no writes",
	QueueReplicas:    "Redis has fewer replicas than min-replicas-to-write and takes no writes",
	QueueMasterDown:  "Redis is a replica that has lost its master",
	QueuePassword:    "Redis refuses the user name or password of REDIS_URL",
	QueueRights:      "Redis does not allow this user what the queue needs",
	QueueProtected:   "Redis is in protected mode and has no password",
	QueueDatabase:    "Redis has no database of the number in REDIS_URL",
	QueueClients:     "Redis has reached maxclients",
	QueueBusy:        "Redis is blocked by a script",
	QueueClusterDown: "the Redis Cluster does not serve the slots of the queue",
	QueueClusterNode: "Redis is a node of a Cluster: REDIS_URL must begin with redis-cluster://",
	QueueNoCluster:   "Redis is not a Cluster: REDIS_URL must not begin with redis-cluster://",
	QueueNoMaster:    "the Sentinels don't know a master of the name in REDIS_URL",
	QueueNoSentinel:  "REDIS_URL says redis-sentinel://, and who answers is not a Sentinel",
	QueueTLS:         "the TLS connection to Redis fails",
	QueueOther:       "Redis answers with an error",
	QueueEvicts:      "Redis may throw messages away: maxmemory-policy must be noeviction",
}

// QueueReasons returns all reasons.
func QueueReasons() []QueueReason {
	all := make([]QueueReason, 0, len(queueWords))
	for r := range queueWords {
		all = append(all, r)
	}
	return all
}

// Words returns the reason in English.
func (r QueueReason) Words() string { return queueWords[r] }

// Stops says whether messages wait because of the reason.
func (r QueueReason) Stops() bool { return r != "" && r != QueueEvicts }

// QueueTrouble is what is wrong with one or more queues.
type QueueTrouble struct {
	Queues []string // by name; all of them, or, in a Cluster, those on one node
	Reason QueueReason
	Since  time.Time // zero if the reason stops no messages
}
