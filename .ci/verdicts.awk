# Shortens go test -v to the verdicts: one line a test and package, and where a test fails everything that it said.
function whole() { printf "%s", said; said = ""; dying = 1 }

/^=== (RUN|PAUSE|CONT)/ {
  if ($2 == "RUN" && $3 !~ /\//) { said = ""; running = 1 }
  next
}
/^(ok|FAIL|\?)[ \t]/        { print; fflush(); said = ""; running = dying = 0; next }
/^(PASS|FAIL)$/             { next }
/^(panic|fatal error):/     { whole() }
dying                       { print; next }
/^--- FAIL/                 { printf "%s", said }
/^---/                      { print; said = ""; running = 0; next }
/^ +---/                    { if ($2 != "PASS:") print; next }
running                     { said = said $0 "\n"; next }
                            { print }
