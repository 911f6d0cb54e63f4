package kit

import (
	"bytes"
	"text/template/parse"
)

// joinLines takes the line breaks out of a template, with the blanks around them: they are there for people who read the
// template, and no part of the page. Within a tag, where they separate attributes, one blank is left of each. It says
// whether the list ends within a tag if it begins as inTag says.
//
// It works on the parsed template, so that errors name the lines of the file. A tag ends with the next >: in an attribute
// stands &gt;, which views/layout_test.go checks.
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

// joinBranches: html/template refuses branches of which only one ends within a tag.
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
