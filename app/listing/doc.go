// Package listing reads lists page by page, at any size: the overview of customers, My transactions, the log, and those to
// come.
//
// # A page
//
// A list has an Order: columns whose values are together unique. The values of a row are its key. A page is what lies
// behind a key ("the first 50 behind (müller, 10777)"), so an index leads to it at once and page 1,000 costs what page 1
// does; with OFFSET the database would read all pages before. Encode writes a key as a cursor for an address, Decode reads
// it and refuses everything else. Read makes a page of a list's Source: it reads one row more than fit, which says that
// another page follows, and for the page before it reads backwards. A cursor that is broken or leads nowhere leads to the
// first page. Lists that only go forward use Order, the cursors and Cut, and no more.
//
// What a caller may see is a condition in the query (a store.Condition made of the policy's scope), never a filter
// afterwards: a page is full, and a count tells of nothing that is hidden.
//
// # The two ways
//
// There are two ways to find the page of a search or a filter.
//
//   - To walk: read the rows in the order of the list, look at each whether it matches, stop when the page is full. It
//     costs as many rows as lie before the last match of the page: about PageSize × rows / matches. It is short for what is
//     frequent, and reads the whole list for what is absent.
//   - To gather: have the index of what is looked for (the trigrams of the words, or a column) name all matches, sort them
//     and take the page. It costs about as many rows as match. It is short for what is rare; and all matches have been seen,
//     so they are counted.
//
// For n rows the ways cost the same at about √(PageSize × n) matches: 7,000 of a million. There either costs some
// milliseconds to tens of them; far from there, the wrong way takes seconds and the right one a millisecond.
//
// # Which way
//
// Find goes ways one after the other, each bounded by a number of rows, until one leads to the page. So a wrong guess costs
// what its bound allows and never changes the result. The list gives the ways, likeliest first, and the last one without a
// bound. There are two kinds of lists.
//
// My transactions walks and gathers in turns with growing bounds: walk 1,000 rows, gather up to 8,000, walk 20,000 more,
// gather up to 50,000, walk to the end. It needs to know nothing beforehand and costs at most a few times what the better
// way does. The walk goes on where it stopped, and goes further where it has met so many matches that the page will be full
// soon.
//
// The overview of customers can't afford turns: its searches are to answer in a few milliseconds, and to gather some
// thousand matches in vain takes longer. So it first tries what is short in any case: the names that begin with the query
// (one range of an index, often a full page), and on SQLite to gather 100 matches, which most searches do not have. What
// is left is expected to match as often as a sample of the table does, or as often as the 100 matches lay close together;
// then the cheaper way by the formulas above is gone (walks), and, if it leads nowhere, the other.
//
// # The count
//
// A list is counted up to CountCap+1, no further: "more than 1,000" costs what 1,000 do. Gathering has counted already, a
// first page that is not full is all of it. Behind a walk the matches are gathered up to CountCap+1, which on PostgreSQL
// costs as much as reading the whole index of a frequent word. That is why the sample also says whether there are
// certainly more: see certain in package customer. My transactions looks at no more than 2,000 rows for a count, and says
// "more than" what it has met.
//
// # What was measured
//
// These parts look as if they could go; the benchmarks of package customer say that they can't (200,000 customers):
//
//   - Counting the matches instead of sampling: five times as long for "stein" among companies, on SQLite.
//   - One sample instead of a small one and, where that promises certainty, a larger one; or no expectation from the first
//     100 matches: each up to twice as long for "ermann" and "anna.mueller.1", on SQLite.
//   - Blocks of numbers on PostgreSQL, as on SQLite, instead of TABLESAMPLE: 1.5 to 2.5 times as long for most searches,
//     since the database plans it longer than it reads the sample.
//   - INDEXED BY: SQLite has no statistics, and sorts the table where it should walk an index. PostgreSQL has statistics,
//     but its estimates for LIKE are rough: see Avoiding.
package listing
