package courier

import (
	"bytes"
	"testing"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
	"github.com/stretchr/testify/require"

	"kontor/app/courier/couriertest"
)

// FuzzPDU: whatever a message centre sends is read as a PDU or as an error.
func FuzzPDU(f *testing.F) {
	receipt := pdu.NewDeliverSM().(*pdu.DeliverSM)
	require.NoError(f, receipt.Message.SetMessageWithEncoding("id:smsc-1 stat:DELIVRD err:000", data.GSM7BIT))
	for _, p := range []pdu.PDU{receipt, pdu.NewSubmitSM(), pdu.NewSubmitSMResp(), pdu.NewEnquireLink(), pdu.NewGenericNack(), pdu.NewBindTransceiverResp()} {
		b := pdu.NewBuffer(nil)
		p.Marshal(b)
		f.Add(b.Bytes())
	}
	f.Add([]byte(couriertest.BrokenPDU))
	f.Fuzz(func(t *testing.T, sent []byte) {
		p, err := readPDU(bytes.NewReader(sent))
		if err != nil {
			return
		}
		_ = p.GetSequenceNumber()
		_ = p.GetResponse()
		if r, ok := p.(*pdu.DeliverSM); ok {
			if text, err := unbroken(r.Message.GetMessage); err == nil {
				parseReceipt(text)
			}
		}
	})
}
