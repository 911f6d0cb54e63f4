package courier

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

const (
	// AskEvery is how often AskStatuses should be called. askBatch is how many messages all workers together ask about
	// in that time: five a second.
	AskEvery = 2 * time.Second
	askBatch = 10
	// askTimeout bounds one request. askLease is how long a worker may take for all of its requests.
	askTimeout = 10 * time.Second
	askLease   = 3 * time.Minute
	toAsk      = "ask_at"
)

// askPauses are the pauses before each request, two days in all, as long as gateways try to deliver. After the last
// request the message stays handed over and is not asked about again.
var askPauses = []time.Duration{
	20 * time.Second, 40 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 8 * time.Hour, 12 * time.Hour, 12 * time.Hour,
}

// asker is a transport that can be asked what happened to a message.
type asker interface {
	// ask returns a report; settled says whether the gateway knows the result.
	ask(ctx context.Context, providerID string) (r ProviderReport, settled bool, err error)
}

// askable is the row of a message that is still to be asked about.
type askable struct {
	bun.BaseModel `bun:"table:message_status"`

	MessageID uuid.UUID `bun:"message_id,pk"`
	AskAt     time.Time `bun:"ask_at"`
	Asked     int       `bun:"asked"`
}

// AskStatuses asks the SMS gateway about messages that it accepted, if SMS_STATUS_URL is set. An answer is recorded
// like a delivery report. Each message is asked about again, at growing intervals, until it is settled or two days have
// passed. Several workers together ask no more than one. The error is the database's; if the gateway does not answer,
// it is asked again later.
func (s *Service) AskStatuses(ctx context.Context) error {
	gateway, ok := s.transports[SMS].(asker)
	if !ok {
		return nil
	}
	due, err := s.claimStatuses(ctx)
	if err != nil {
		return err
	}
	for _, a := range due {
		if err := s.askStatus(ctx, gateway, a); err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

func (s *Service) claimStatuses(ctx context.Context) (due []askable, err error) {
	now := s.now()
	some, err := s.db.NewSelect().Table("message_status").Where("ask_at <= ?", now).Exists(ctx)
	if err != nil || !some {
		return nil, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		due = nil
		mine, err := turn{SMS, toAsk}.take(ctx, tx, now, now.Add(AskEvery))
		if err != nil || !mine {
			return err
		}
		oldest := tx.NewSelect().Model((*askable)(nil)).Column("message_id").Where("ask_at <= ?", now).Order("ask_at", "message_id").Limit(askBatch)
		_, err = tx.NewUpdate().Model((*askable)(nil)).Set("ask_at = ?", now.Add(askLease)).Set("asked = asked + 1").
			Where("message_id IN (?)", oldest).Returning("message_id, ask_at, asked").Exec(ctx, &due)
		if store.IsNoRows(err) {
			return nil
		}
		return err
	})
	return due, err
}

// askStatus asks about one message.
func (s *Service) askStatus(ctx context.Context, gateway asker, a askable) error {
	m, err := loadMessage(ctx, s.db, a.MessageID)
	if err != nil && !store.IsNoRows(err) {
		return err
	}
	if err != nil || m.State != HandedOver || m.ProviderID == "" {
		return forgetStatus(ctx, s.db, a.MessageID) // settled by a report, or sent again, which starts the requests anew
	}
	bounded, cancel := context.WithTimeout(ctx, askTimeout)
	r, settled, err := gateway.ask(bounded, m.ProviderID)
	cancel()
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the lease ends, and somebody else asks
	}
	if err != nil {
		s.log.InfoContext(ctx, "the gateway does not say what became of a message", "message", m.ID, "asked", a.Asked, "error", err)
	}
	if settled {
		r.MessageID = m.ID
		if err := s.Report(ctx, r); err != nil && !errors.Is(err, ErrUnknownMessage) {
			return err
		}
		return forgetStatus(ctx, s.db, a.MessageID)
	}
	if a.Asked >= len(askPauses) {
		return forgetStatus(ctx, s.db, a.MessageID)
	}
	_, err = s.db.NewUpdate().Model((*askable)(nil)).Set("ask_at = ?", s.now().Add(askPauses[a.Asked])).
		Where("message_id = ?", a.MessageID).Exec(ctx)
	return err
}

// askLater schedules requests about a message that the gateway accepted, inside the tx that records this.
func (s *Service) askLater(ctx context.Context, tx bun.IDB, m Message, providerID string, now time.Time) error {
	if _, ok := s.transports[m.Channel].(asker); !ok || providerID == "" {
		return nil
	}
	if g, ok := s.transports[m.Channel].(*gateway); ok && g.statusURL == nil {
		return nil
	}
	_, err := tx.NewInsert().Model(&askable{MessageID: m.ID, AskAt: now.Add(askPauses[0])}).
		On("CONFLICT (message_id) DO UPDATE").Set("ask_at = EXCLUDED.ask_at").Set("asked = 0").Exec(ctx)
	return err
}

func forgetStatus(ctx context.Context, db bun.IDB, id uuid.UUID) error {
	_, err := db.NewDelete().Model((*askable)(nil)).Where("message_id = ?", id).Exec(ctx)
	return err
}

// ask sends a request to SMS_STATUS_URL. Of the answer only the status word is used, and only if it is a known one: the
// rest may repeat the text of the SMS.
func (g *gateway) ask(ctx context.Context, id string) (r ProviderReport, settled bool, err error) {
	if g.statusURL == nil {
		return r, false, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.statusURL.render(map[string]string{"id": id}), nil)
	if err != nil {
		return r, false, refusal(reasonNotConfigured, "")
	}
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	g.sign(req)
	res, err := g.client.Do(req)
	if err != nil {
		return r, false, doFailure(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, gatewayBody))
	switch {
	case err != nil:
		return r, false, refusal(reasonConnectionLost, "")
	case res.StatusCode < 200 || res.StatusCode >= 300:
		return r, false, gatewayFailure(res.StatusCode)
	}
	text, found := g.status.find(answer)
	if !found {
		return r, false, refusal(reasonGatewayRefused, "")
	}
	meaning := g.words[strings.ToLower(strings.TrimSpace(text))]
	if meaning == 0 {
		return r, false, nil
	}
	return ProviderReport{
		Delivered: meaning == wordDelivered, Invalid: meaning == wordInvalid, Refused: meaning == wordRejected, Detail: strings.TrimSpace(text),
	}, true, nil
}
