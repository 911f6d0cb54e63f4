// Package listing reads lists page by page, at any size: the overview of customers, My transactions, the log, and future
// lists.
//
// # A page
//
// A list has an Order: columns whose values are together unique. The values of a row are its key. A page consists of the
// rows after a key ("the first 50 after (müller, 10777)"). An index finds them directly, so page 1,000 costs as much as
// page 1; with OFFSET the database would read all pages before. Encode writes a key as a cursor for a URL. Decode reads
// the cursor and refuses everything else. Read makes a page of a list's Source. It reads one row more than fits, which
// shows whether another page follows. For the previous page it reads backwards. A cursor that is broken or leads nowhere
// leads to the first page. Lists that only go forward use only Order, the cursors and Cut.
//
// What a caller may see is a condition in the query (a store.Condition made of the policy's scope), never a filter
// afterwards. So pages are full, and a count reveals nothing about hidden rows.
//
// # The two ways
//
// There are two ways to find the page of a search or a filter.
//
//   - Walk: read the rows in the order of the list, check each for a match, and stop when the page is full. The cost is
//     the number of rows up to the last match of the page: about PageSize × rows / matches. It is fast for frequent words,
//     and reads the whole list for words that do not occur.
//   - Gather: let an index (of the words' trigrams, or of a column) return all matches, sort them and take the page. The
//     cost is about the number of matches. It is fast for rare words. It has seen all matches, so it also counts them.
//
// For n rows both ways cost the same at about √(PageSize × n) matches: 7,000 of a million. There, each takes some
// milliseconds to tens of milliseconds. Far from that point the wrong way takes seconds and the right one a millisecond.
//
// # Which way
//
// Find tries ways one after the other until one finds the page. Each way is bounded by a number of rows, so a wrong guess
// costs at most that bound and never changes the result. The list provides the ways: the most likely one first, the last
// one without a bound. There are two kinds of lists.
//
// My transactions is sorted by number, and so are its indexes: of the person's own rows, of a kind, of a status, and of the
// words (SQLite's search index has the numbers as row ids; PostgreSQL's has blocks of numbers). So it need not gather: each
// way reads its index from the newest row on, and checks each row for everything else. The ways read parts in turns. The
// next part is that of the way with the most hits among the rows that it has read, so the better way soon has every turn,
// and no way loses much. As soon as some blocks show that words are rare, all matches that are left are read at once. Only due
// dates are gathered, because their index is in another order.
//
// In another order, My transactions gathers what the person sees, or what one of the filters finds, if that is at most 5,000
// rows: an index of numbers soon says that there are more. Otherwise it walks the indexes of that order, where the matches are
// then dense.
//
// The overview of customers can't alternate: its searches must answer in a few milliseconds, and gathering some thousand
// matches in vain takes longer. So it estimates how many rows match, from a random sample of the search texts that it keeps
// in memory, and tries the cheaper way by the formulas above (walks); if that finds nothing, the other. Unless there are so
// few matches that counting gathers all of them, it first reads what is fast in any case: the names that begin with the query
// (one range of an index, often a full page). A sample is less than a minute old, so texts of deleted customers leave the
// memory with it. While somebody searches, the next one is read before the last one ends, so that no search waits for it.
//
// A list with filters but without words has the same two ways: it is walked in its order, or the rows of its narrowest filter are
// gathered and sorted. Which filter that is, and which way is cheaper, is estimated from the sample as well.
//
// # The count
//
// A list is counted up to CountCap+1, no further: "more than 1,000" costs as much as counting 1,000. Gathering has already
// counted, and a first page that is not full holds all matches. After a walk, the matches are gathered up to CountCap+1. On
// PostgreSQL that costs as much as reading the whole index of a frequent word. For this reason the sample also says whether
// there are certainly more: see certain in package customer. My transactions looks at no more than 2,000 rows for a count
// (1,000 for that of a search), and says "more than" the matches that it has found. First reads a few rows and counts none: a walk is then worth it for
// rarer words, because nothing has to be counted after it.
//
// # What was measured
//
// These parts look unnecessary, but the benchmarks of package customer show that they are needed (200,000 customers):
//
//   - Counting the matches instead of sampling takes five times as long for "stein" among companies, on SQLite.
//   - Reading a sample from the table for each search, instead of keeping one, was half of a search.
//   - INDEXED BY: SQLite has no statistics, and without it sorts the table where it should walk an index. PostgreSQL has
//     statistics, but its estimates for LIKE are rough: see Avoiding.
package listing
