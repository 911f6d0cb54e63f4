package courier

import (
	"net"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp"
	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSMPPAnswersTwice: of several answers to one request the first counts. The others hold up nothing.
func TestSMPPAnswersTwice(t *testing.T) {
	ours, centre := net.Pipe()
	answer := make(chan pdu.PDU, 1)
	c := &smppConn{
		conn: gosmpp.NewConnection(ours), waiting: map[int32]chan pdu.PDU{7: answer}, gone: make(chan struct{}),
		receipts: make(chan struct{}, smppReceipts),
	}
	go c.listen()
	for _, status := range []data.CommandStatusType{data.ESME_ROK, data.ESME_RTHROTTLED, data.ESME_RSYSERR} {
		p := pdu.NewSubmitSMResp().(*pdu.SubmitSMResp)
		p.SequenceNumber, p.CommandStatus = 7, status
		b := pdu.NewBuffer(nil)
		p.Marshal(b)
		_ = centre.SetWriteDeadline(time.Now().Add(10 * time.Second))
		_, err := centre.Write(b.Bytes())
		require.NoError(t, err, "status %d is not read", status)
	}
	_ = centre.Close()
	select {
	case <-c.gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection is closed, but still listened to")
	}
	p := <-answer
	assert.Equal(t, data.ESME_ROK, p.GetHeader().CommandStatus, "the answer")
}
