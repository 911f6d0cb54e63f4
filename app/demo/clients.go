package demo

// client is one of the demo firm's customers.
type client struct {
	company, legalForm             string
	salutation, title, first, last string
	note                           string
	orphan                         bool // it has no administrator
	accesses                       []invitation
	written                        []note
}

// note is what the colleague who keeps a customer has written about it.
type note struct {
	days int // ago
	text string
}

// noted adds a note.
func (c client) noted(days int, text string) client {
	c.written = append(c.written, note{days, text})
	return c
}

// days is how long the firm has had the customer: a little longer than its oldest access exists.
func (c client) days() int {
	hours := 48
	for _, a := range c.accesses {
		hours = max(hours, a.hours)
	}
	return hours/24 + 1
}

// person and company make a customer. An access without a name gets the names of the customer's contact.
func person(salutation, first, last string, in ...invitation) client {
	return client{salutation: salutation, first: first, last: last, accesses: in}
}

func company(name, legalForm, first, last string, in ...invitation) client {
	return client{company: name, legalForm: legalForm, first: first, last: last, accesses: in}
}

// Common accesses.
var (
	active     = invitation{hours: 24 * 60, mail: handed, registered: true}
	activeCode = invitation{hours: 24 * 45, mail: handed, sms: arrived, registered: true}
	fresh      = invitation{hours: 5, mail: handed}
	freshCode  = invitation{hours: 3, mail: handed, sms: arrived}
	looked     = invitation{hours: 20, mail: handed, sms: arrived, opened: true}
	expired    = invitation{hours: 24 * 9, mail: handed}
)

// named is an access of another person than the customer's contact.
func named(first, last string, in invitation) invitation {
	in.first, in.last = first, last
	return in
}

// leaving is the customer that the story deletes.
const leaving = "Fischhandel Behrens e. K."

var clients = []client{
	person("ms", "Anna", "Berg", activeCode).noted(2, "Hat den Bescheid vom Finanzamt angekündigt.\nFrist im Blick behalten."),
	company("Müller & Söhne GmbH", "GmbH", "Jürgen", "Müller", active, named("Petra", "Müller", fresh)),
	person("mr", "Stefan", "Steinhoff", fresh).noted(0, "Ruft nach dem Urlaub wegen der Einladung an."),
	person("ms", "Zoë", "Weißenborn", looked),
	company("Bäckerei Öztürk e. K.", "e. K.", "Elif", "Öztürk", activeCode),
	person("mr", "Matthias", "Krüger", expired),
	company("Hafen Logistik AG", "AG", "Björn", "Petersen", active, named("Swantje", "Claasen", active), named("Ole", "Thomsen", invitation{hours: 24 * 50, mail: handed, registered: true, deactivated: true})).
		noted(12, "Ole Thomsen hat das Unternehmen verlassen, der Zugang ist deaktiviert.").
		noted(3, "Betriebsprüfung: Frau Claasen stellt die Unterlagen zusammen.\nMuster: https://www.bundesfinanzministerium.de"),
	person("ms", "Agnieszka", "Kowalska", invitation{hours: 2, mail: refused}).noted(0, "Die E-Mail-Adresse stimmt nicht, am Telefon nachfragen."),
	person("mr", "Łukasz", "Zieliński", freshCode),
	company("Steinmann Immobilien GmbH & Co. KG", "GmbH & Co. KG", "Gerd", "Steinmann", active),
	person("ms", "Ursula", "Hoffmann", invitation{hours: 30, mail: bounced}),
	{salutation: "mr", title: "Dr.", first: "Wolfgang", last: "Schäfer", note: "Unterlagen bitte immer auch per Post.", accesses: []invitation{active}},
	company("Elektro Brandl GmbH", "GmbH", "Xaver", "Brandl", invitation{mail: waiting, sms: waiting}),
	person("ms", "Melanie", "Fuchs", invitation{hours: 0, mail: sending}),
	person("mr", "Günther", "Groß-Öhlmann", invitation{hours: 1, mail: retrying, sms: handed}),
	company("Apotheke am Markt OHG", "OHG", "Christiane", "Lorenz", activeCode),
	person("ms", "Sabine", "Vogel", invitation{hours: 12, mail: struggled}),
	person("mr", "Mehmet", "Yılmaz", activeCode),
	company("Tischlerei Holzapfel", "e. K.", "Rainer", "Holzapfel", invitation{hours: 24 * 4, mail: gaveUp}),
	person("ms", "Käthe", "Neumann", invitation{hours: 24 * 100, mail: handed, registered: true, deactivated: true}),
	person("mr", "René", "Lefèvre", invitation{hours: 6, mail: handed, sms: refused}),
	company("Gartenbau Lüders GmbH", "GmbH", "Imke", "Lüders", active),
	{salutation: "ms", first: "Renate", last: "Schmitt", orphan: true, note: "Bisher betreut von Herrn Petersen.", accesses: []invitation{active}},
	person("mr", "Tobias", "Winkler", invitation{hours: 8, mail: handed, corrected: true}),
	company("Nordwind Software UG (haftungsbeschränkt)", "UG (haftungsbeschränkt)", "Noël", "Friedrichsen", activeCode, named("Lena", "Sørensen", freshCode)),
	person("ms", "Angelika", "Bauer", active),
	person("mr", "Peter", "O'Brien", invitation{hours: 26, mail: arrived, opened: true}),
	company("Spedition Kaiser KG", "KG", "Heinz", "Kaiser", invitation{hours: 24 * 20, mail: handed}),
	person("ms", "Fatma", "Demir", activeCode),
	person("mr", "Klaus", "Zimmermann", invitation{hours: 7, mail: handed, sms: retrying}),
	company("Verlag Morgenstern GmbH", "GmbH", "Dorothea", "Morgenstern", active),
	{first: "Hans-Jürgen", last: "von der Heide", salutation: "mr", accesses: []invitation{active}},
	person("ms", "Änne", "Burmester", fresh),
	company("Autohaus Schröder GmbH", "GmbH", "Frank", "Schröder", invitation{hours: 24 * 3, mail: handed, opened: true}),
	person("mr", "Sören", "Jansen", activeCode),
	{company: "Berg Beteiligungs GmbH", legalForm: "GmbH", first: "Anna", last: "Berg", note: "Gehört Anna Berg (siehe dort).", accesses: []invitation{active}},
	person("ms", "Ingrid", "Köhler", invitation{hours: 24 * 2, mail: handed, sms: gaveUp}),
	company("Metallbau Strauß GmbH", "GmbH", "Markus", "Strauß", active),
	person("mr", "Emre", "Aydın", fresh),
	person("ms", "Charlotte", "Immermann", expired),
	company(leaving, "e. K.", "Heike", "Behrens", invitation{hours: 24 * 70, mail: handed, registered: true}).
		noted(15, "Gibt das Geschäft zum Monatsende auf. Unterlagen sind übergeben, danach löschen."),
	{salutation: "mr", first: "Paul", last: "Ackermann", note: "Noch ohne Zugang.", accesses: nil},
}
