package kit

import (
	"html/template"
	"regexp"
	"strings"
	"text/template/parse"

	"kontor/app/internal/web/static"
	"kontor/app/internal/web/text"
)

// constants are the functions of templates whose result depends on nothing but the language and their argument. Each
// returns HTML. A page calls them a hundred times, so they are called once, when the templates are loaded.
type constants map[string]func(argument string) string

func constantsOf(tx *text.Texts, files *static.Files) constants {
	return constants{
		"t":     func(id string) string { return template.HTMLEscapeString(tx.Say(id)) },
		"asset": func(name string) string { return template.HTMLEscapeString(files.URL(name)) },
		"icon":  func(name string) string { return string(icon(files, name)) },
	}
}

// icon is the picture with this name.
func icon(files *static.Files, name string) template.HTML {
	return template.HTML(`<svg class="ico" aria-hidden="true"><use href="` + files.URL("generated/icons.svg") + `#` + template.HTMLEscapeString(name) + `"/></svg>`)
}

// place is where in a page a node of a template begins.
type place int

const (
	outside place = iota // of tags
	inTag
	inDouble // inside an attribute's value in double quotes
	inSingle
)

// after returns the place behind a text.
func (p place) after(text []byte) place {
	for _, b := range text {
		switch {
		case p == outside && b == '<':
			p = inTag
		case p == inTag && b == '>':
			p = outside
		case p == inTag && b == '"':
			p = inDouble
		case p == inTag && b == '\'':
			p = inSingle
		case p == inDouble && b == '"', p == inSingle && b == '\'':
			p = inTag
		}
	}
	return p
}

// write replaces calls by their results in a list of nodes that begins at p, and returns the place behind the list. It
// leaves calls alone whose result would not be escaped as in the rest of a page: those in links, styles and scripts.
func (c constants) write(list *parse.ListNode, p place) place {
	if list == nil {
		return p
	}
	var kept []parse.Node
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.ActionNode:
			if html, ok := c.result(n, p, textBefore(kept)); ok {
				node = &parse.TextNode{NodeType: parse.NodeText, Pos: n.Pos, Text: []byte(html)}
			}
		case *parse.TextNode:
			p = p.after(n.Text)
		case *parse.IfNode:
			p = c.branches(&n.BranchNode, p)
		case *parse.RangeNode:
			p = c.branches(&n.BranchNode, p)
		case *parse.WithNode:
			p = c.branches(&n.BranchNode, p)
		}
		kept = appendNode(kept, node)
	}
	list.Nodes = kept
	return p
}

// branches writes both branches. html/template refuses templates whose branches end at different places.
func (c constants) branches(n *parse.BranchNode, p place) place {
	c.write(n.ElseList, p)
	return c.write(n.List, p)
}

// appendNode appends a node. Two texts become one.
func appendNode(nodes []parse.Node, node parse.Node) []parse.Node {
	if t, ok := node.(*parse.TextNode); ok && len(nodes) > 0 {
		if last, ok := nodes[len(nodes)-1].(*parse.TextNode); ok {
			last.Text = append(last.Text[:len(last.Text):len(last.Text)], t.Text...)
			return nodes
		}
	}
	return append(nodes, node)
}

// textBefore is the text that comes directly before the next node.
func textBefore(nodes []parse.Node) []byte {
	if len(nodes) > 0 {
		if t, ok := nodes[len(nodes)-1].(*parse.TextNode); ok {
			return t.Text
		}
	}
	return nil
}

// openAttribute matches the beginning of an attribute whose value is not finished.
var openAttribute = regexp.MustCompile(`([a-z-]+)="[^"]*$`)

// result returns the result of a call of a constant with one string, if it may be written at this place.
func (c constants) result(n *parse.ActionNode, p place, before []byte) (html string, ok bool) {
	if len(n.Pipe.Decl) > 0 || len(n.Pipe.Cmds) != 1 || len(n.Pipe.Cmds[0].Args) != 2 {
		return "", false
	}
	name, isName := n.Pipe.Cmds[0].Args[0].(*parse.IdentifierNode)
	argument, isString := n.Pipe.Cmds[0].Args[1].(*parse.StringNode)
	if !isName || !isString || c[name.Ident] == nil {
		return "", false
	}
	switch p {
	case outside:
		ok = name.Ident != "asset"
	case inDouble:
		attribute := openAttribute.FindSubmatch(before)
		if attribute == nil {
			return "", false
		}
		a := string(attribute[1])
		switch name.Ident {
		case "t":
			ok = a == "placeholder" || a == "title" || a == "alt" || strings.HasPrefix(a, "aria-") || strings.HasPrefix(a, "data-")
		case "asset":
			ok = a == "href" || a == "src"
		}
	}
	if !ok {
		return "", false
	}
	return c[name.Ident](argument.Text), true
}
