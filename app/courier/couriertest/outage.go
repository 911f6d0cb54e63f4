package couriertest

import "slices"

// outageLength is more messages than any outage of a test meets.
const outageLength = 100_000

// Outage makes every mail meet step from now on, until over is called; then the server accepts again. What was in the
// script is forgotten.
func (p *SMTPPeer) Outage(step SMTPStep) (over func()) {
	set := func(script []SMTPStep) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.script = script
	}
	set(slices.Repeat([]SMTPStep{step}, outageLength))
	return func() { set(nil) }
}

// Outage makes every message meet step from now on, until over is called; then the gateway accepts again. What was in the
// script is forgotten.
func (p *GatewayPeer) Outage(step GatewayStep) (over func()) {
	set := func(script []GatewayStep) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.script = script
	}
	set(slices.Repeat([]GatewayStep{step}, outageLength))
	return func() { set(nil) }
}
