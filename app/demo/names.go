package demo

import "strings"

// The lists of names. Earlier names are chosen more often, as in real life.
var (
	firstNames = strings.Fields(`
		Anna Thomas Maria Michael Sabine Andreas Petra Stefan Monika Christian Claudia Peter Susanne Markus Julia Martin
		Andrea Daniel Birgit Jürgen Katharina Alexander Karin Matthias Nicole Wolfgang Ursula Frank Stefanie Klaus Angelika
		Tobias Heike Uwe Christine Sebastian Renate Florian Gabriele Jan Sandra Bernd Jörg Melanie Günter Ayşe Mehmet Zoë
		René Łukasz Agnieszka Björn Änne Fatma Emre Sören Jasmin Ömer Elif Noël Ilse Günther Käthe Lena Paul Emma Ben Mia
		Felix Hannah Jonas Lea Luca Sophie Max Clara Finn Ida Leon Charlotte`)
	lastNames = strings.Fields(`
		Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf
		Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Krause Meier Lehmann Schmid
		Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn
		Schubert Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon
		Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein Jäger Otto Sommer Groß Seidel Heinrich Brandt Haas
		Schreiber Graf Schulte Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch Bergmann Thomas Voigt Sauer Arnold Wolff
		Pfeiffer Berg Yılmaz Kowalski Nguyen Özdemir Strauß Mueller Schaefer Weiss Steiner Goldstein Eisenstein Bernstein
		Steinbach Steinmann Wallenstein Groß-Öhlmann Immermann Ackermann Quast Xylander Ypsilanti O'Brien`)
	nameFronts = strings.Fields(`
		Adel Alt Bach Berg Birken Blumen Breiten Buchen Dorn Eber Eichen Eisen Erlen Falken Feld Fichten Finken Grün Hagen
		Hasel Hirsch Hohen Holz Kirch Klingen Königs Kron Lauter Lichten Linden Löwen Lüders Mühl Neu Nieder Ober Ocken Rehn
		Ritter Rosen Roten Sand Schwarzen Silber Sonnen Stein Stern Tannen Thal Ulmen Vogel Wald Weiden Weißen Wester Wiesen
		Wolfs Zellen Zwingen`)
	nameBacks = strings.Fields(`
		au bach baum beck berg berger born brand brink bruch burg dorf eck feld fels garten graben hagen haus heim heimer
		hof hofer holt horst hoven huber kamp kemper land loh mann mark meier meyer moor müller rath reuter ried roth scheid
		schmidt see stedt stein steiner stock tal wald weg weiler wiese winkel`)
	cities = []place{
		{"Berlin", "10115"}, {"Hamburg", "20095"}, {"München", "80331"}, {"Köln", "50667"}, {"Frankfurt am Main", "60311"},
		{"Stuttgart", "70173"}, {"Düsseldorf", "40213"}, {"Leipzig", "04109"}, {"Dortmund", "44135"}, {"Essen", "45127"},
		{"Bremen", "28195"}, {"Dresden", "01067"}, {"Hannover", "30159"}, {"Nürnberg", "90402"}, {"Duisburg", "47051"},
		{"Bochum", "44787"}, {"Wuppertal", "42103"}, {"Bielefeld", "33602"}, {"Bonn", "53111"}, {"Münster", "48143"},
		{"Karlsruhe", "76131"}, {"Mannheim", "68159"}, {"Augsburg", "86150"}, {"Wiesbaden", "65183"}, {"Göttingen", "37073"},
		{"Braunschweig", "38100"}, {"Kiel", "24103"}, {"Chemnitz", "09111"}, {"Aachen", "52062"}, {"Halle (Saale)", "06108"},
		{"Magdeburg", "39104"}, {"Freiburg im Breisgau", "79098"}, {"Krefeld", "47798"}, {"Lübeck", "23552"}, {"Mainz", "55116"},
		{"Erfurt", "99084"}, {"Oberhausen", "46045"}, {"Rostock", "18055"}, {"Kassel", "34117"}, {"Hagen", "58095"},
		{"Potsdam", "14467"}, {"Saarbrücken", "66111"}, {"Heidelberg", "69117"}, {"Regensburg", "93047"}, {"Würzburg", "97070"},
		{"Ingolstadt", "85049"}, {"Ulm", "89073"}, {"Bad Homburg vor der Höhe", "61348"}, {"Görlitz", "02826"}, {"Steinfurt", "48565"},
	}
	streets = strings.Fields(`Hauptstraße Bahnhofstraße Gartenstraße Lindenweg Schulstraße Bergstraße Goethestraße Rosenweg
		Schillerstraße Birkenweg Kirchplatz Mühlenweg Steinstraße Ringstraße Marktstraße`)
	trades = []string{
		"Bau", "Immobilien", "Maschinenbau", "Logistik", "Elektrotechnik", "Handel", "Beratung", "Software", "Metallbau",
		"Gebäudereinigung", "Gartenbau", "Druck", "Bäckerei", "Apotheke", "Spedition", "Sanitär & Heizung", "Fleischerei",
		"Verlag", "Autohaus", "Tischlerei",
	}
	legalForms = []string{"GmbH", "GmbH & Co. KG", "UG (haftungsbeschränkt)", "AG", "OHG", "KG", "e. K."}
	matters    = []matter{
		{"Einkommensteuer 2024", "tax_return"}, {"Einkommensteuer 2025", "tax_return"}, {"Jahresabschluss 2024", "annual_accounts"},
		{"Jahresabschluss 2025", "annual_accounts"}, {"Lohnbuchhaltung", "other"}, {"Umsatzsteuer Q1", "tax_return"}, {"Umsatzsteuer Q2", "tax_return"},
		{"Mandatsvertrag", "contract"}, {"Kreditantrag Hausbank", "loan_application"}, {"Betriebsprüfung", "correspondence"},
		{"Grundsteuer", "application"}, {"Erbschaft", "correspondence"},
	}
)

type place struct{ name, postalCode string }

// matter is a business transaction: its name and the key of its kind.
type matter struct{ name, kind string }
