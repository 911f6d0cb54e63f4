package firm

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kontor/app/firm"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
)

// holidayPage is the data of the page of holidays.
type holidayPage struct {
	page
	Years  []year
	States []text.Option
	// This and Next are the years whose public holidays can be added.
	This, Next int
}

// year has the holidays of a year.
type year struct {
	Year string
	Days []firm.Holiday
}

func (s *Screens) listHolidays(c *fiber.Ctx) error {
	return s.renderHolidays(c, kit.NewForm(map[string]string{}), fiber.StatusOK)
}

func (s *Screens) renderHolidays(c *fiber.Ctx, f *kit.Form, status int) error {
	p, now, err := s.pageOf(c, holidays, f)
	if err != nil {
		return err
	}
	d := holidayPage{page: p, This: s.Now().In(s.Zone).Year()}
	d.Next = d.This + 1
	for _, h := range now.Holidays {
		if last := len(d.Years) - 1; last < 0 || d.Years[last].Year != h.Day[:4] {
			d.Years = append(d.Years, year{Year: h.Day[:4]})
		}
		last := &d.Years[len(d.Years)-1]
		last.Days = append(last.Days, h)
	}
	d.States = []text.Option{{Value: "", Text: s.Say(c, "holiday.choose_state")}}
	for _, state := range firm.States {
		d.States = append(d.States, text.Option{Value: string(state), Text: firm.StateName(state)})
	}
	return s.render(c, holidays, d, status)
}

func (s *Screens) addHoliday(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "day", "holiday_name")
	err := s.firm.AddHoliday(s.Ctx(c), s.Caller(c), f.Values["day"], f.Values["holiday_name"])
	if err == nil {
		return s.Redirect(c, holidays.path, "toast.holiday_added")
	}
	return s.refuseHoliday(c, f, err)
}

func (s *Screens) addPublicHolidays(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "state")
	n, err := s.firm.AddPublicHolidays(s.Ctx(c), s.Caller(c), firm.State(f.Values["state"]))
	if err != nil {
		return s.refuseHoliday(c, f, err)
	}
	if n == 0 {
		return s.Redirect(c, holidays.path, "toast.holidays_there")
	}
	return s.Redirect(c, holidays.path, "toast.holidays_added", "n", n)
}

// removeHolidays removes a day, or all days of a year.
func (s *Screens) removeHolidays(c *fiber.Ctx) error {
	days := kit.PostedAll(c, "day")
	if y, err := strconv.Atoi(kit.Posted(c, "year")); err == nil {
		for _, h := range s.firm.Profile().Holidays {
			if strings.HasPrefix(h.Day, strconv.Itoa(y)+"-") {
				days = append(days, h.Day)
			}
		}
	}
	n, err := s.firm.RemoveHolidays(s.Ctx(c), s.Caller(c), days)
	if err != nil {
		return err
	}
	if n == 0 {
		return s.Redirect(c, holidays.path, "toast.holidays_gone")
	}
	return s.Redirect(c, holidays.path, "toast.holidays_removed", "n", n)
}

func (s *Screens) refuseHoliday(c *fiber.Ctx, f *kit.Form, err error) error {
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderHolidays(c, f, status)
	}
	return err
}
