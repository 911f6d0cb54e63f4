package couriertest

import "slices"

// outageLength is more messages than any test sends during an outage.
const outageLength = 100_000

// Outage applies step to every mail from now on, until over is called; then the server accepts again. Steps that were
// in the script before are dropped.
func (p *SMTPPeer) Outage(step SMTPStep) (over func()) {
	set := func(script []SMTPStep) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.script = script
	}
	set(slices.Repeat([]SMTPStep{step}, outageLength))
	return func() { set(nil) }
}

// Outage applies step to every message from now on, until over is called; then the gateway accepts again. Steps that
// were in the script before are dropped.
func (p *GatewayPeer) Outage(step GatewayStep) (over func()) {
	set := func(script []GatewayStep) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.script = script
	}
	set(slices.Repeat([]GatewayStep{step}, outageLength))
	return func() { set(nil) }
}
