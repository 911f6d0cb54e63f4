package kit

import (
	"bytes"
	"text/template/parse"
)

// joinLines removes the line breaks of a template and the blanks around them. They only make the template readable and do
// not belong to the page. Inside a tag, where they separate attributes, one blank stays for each. inTag says whether the
// list begins inside a tag; the result says whether it ends inside one.
//
// It works on the parsed template, so that errors still name the lines of the file. A tag ends at the next >. Attributes
// must use &gt;, which views/layout_test.go checks.
func joinLines(list *parse.ListNode, inTag bool) bool {
	if list == nil {
		return inTag
	}
	kept := list.Nodes[:0]
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			if n.Text, inTag = joinText(n.Text, inTag); len(n.Text) == 0 {
				continue
			}
		case *parse.IfNode:
			inTag = joinBranches(&n.BranchNode, inTag)
		case *parse.RangeNode:
			inTag = joinBranches(&n.BranchNode, inTag)
		case *parse.WithNode:
			inTag = joinBranches(&n.BranchNode, inTag)
		}
		kept = append(kept, node)
	}
	list.Nodes = kept
	return inTag
}

// joinBranches joins the lines of both branches. html/template refuses templates in which only one branch ends inside a
// tag, so one result is enough.
func joinBranches(n *parse.BranchNode, inTag bool) bool {
	joinLines(n.ElseList, inTag)
	return joinLines(n.List, inTag)
}

func joinText(text []byte, inTag bool) (joined []byte, endsInTag bool) {
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		if i > 0 {
			line = bytes.TrimLeft(line, " ")
			if inTag && !bytes.HasPrefix(line, []byte(">")) {
				joined = append(joined, ' ')
			}
		}
		if i < len(lines)-1 {
			line = bytes.TrimRight(line, " ")
		}
		joined = append(joined, line...)
		if edge := bytes.LastIndexAny(line, "<>"); edge >= 0 {
			inTag = line[edge] == '<'
		}
	}
	return joined, inTag
}
