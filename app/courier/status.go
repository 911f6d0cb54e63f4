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
	// AskEvery is how often AskStatuses wants to be called, askBatch how many messages are asked about then by all workers
	// together: five a second.
	AskEvery = 2 * time.Second
	askBatch = 10
	// askTimeout bounds one question, askLease how long a worker may take with all of its questions.
	askTimeout = 10 * time.Second
	askLease   = 3 * time.Minute
	turnToAsk  = "ask_at"
)

// askPauses are the waits before each question; after the last the message stays handed over, and is asked about no more:
// two days, as long as gateways try.
var askPauses = []time.Duration{
	20 * time.Second, 40 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 8 * time.Hour, 12 * time.Hour, 12 * time.Hour,
}

// asker is a transport that can be asked what became of a message.
type asker interface {
	// ask returns a report; settled says whether the gateway knows by now.
	ask(ctx context.Context, providerID string) (r ProviderReport, settled bool, err error)
}

// askable is a row of a message that is asked about.
type askable struct {
	bun.BaseModel `bun:"table:message_status"`

	MessageID uuid.UUID `bun:"message_id,pk"`
	AskAt     time.Time `bun:"ask_at"`
	Asked     int       `bun:"asked"`
}

// AskStatuses asks the SMS gateway about messages that it took, where SMS_STATUS_URL says how; what it answers is noted as a
// delivery report is. Each is asked about again, ever more rarely, until it is settled or two days are over. Several workers
// together ask no more than one. Its error is the database's: a gateway that does not answer is asked later.
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
		mine, err := takeTurn(ctx, tx, SMS, turnToAsk, now, now.Add(AskEvery))
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
		return forgetStatus(ctx, s.db, a.MessageID) // settled by a report, or sent again: then it is asked about anew
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

// askLater has the gateway asked about a message that it took, inside the tx that notes so.
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

// ask asks the gateway at SMS_STATUS_URL. Of its answer only the word is kept, and only one that is known: the rest may
// repeat the text of the SMS.
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
