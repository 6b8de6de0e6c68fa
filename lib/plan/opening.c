#include "plan/opening.h"

#define LONGEST_MONTH (31 * 86400)

/* The k-th time a window opens. */
static int64_t opens(const struct opening *o, int64_t k)
{
    const int64_t nsec = (int64_t)o->repeat.nsec * k;
    const struct duration d = {.months = o->repeat.months * k,
                               .sec = o->repeat.sec * k + nsec / 1000000000,
                               .nsec = (int32_t)(nsec % 1000000000)};
    return when_add(o->from, d).sec;
}

/* The first time a window is open after `from`. Months differ in length, so the guess, which is
 * never late, goes on step by step. */
static bool next_of(const struct opening *o, int64_t from, int64_t *open, int64_t *close)
{
    const int64_t length = o->to.sec - o->from.sec;
    const int64_t period = o->repeat.months * LONGEST_MONTH + o->repeat.sec + (o->repeat.nsec > 0);
    int64_t k = o->repeats && from > o->to.sec ? (from - o->to.sec) / period : 0;
    while (o->repeats && opens(o, k) + length <= from)
        k++;
    *open = opens(o, k);
    *close = *open + length;
    return *close > from;
}

/* The window that is open first. */
static bool first(const struct platform *p, int64_t from, int64_t *open, int64_t *close)
{
    bool found = false;
    for (size_t i = 0; i < p->nopenings; i++) {
        int64_t begin, end;
        if (!next_of(&p->openings[i], from, &begin, &end) || (found && begin >= *open))
            continue;
        *open = begin;
        *close = end;
        found = true;
    }
    return found;
}

bool opening_next(const struct platform *p, int64_t from, int64_t until, int64_t *open,
                  int64_t *close)
{
    int64_t begin, end;
    *open = from;
    *close = INT64_MAX;
    if (p->nopenings == 0)
        return true;
    if (!first(p, from, open, close) || *open > until)
        return false;
    const int64_t enough = when_add((struct when){until, 0}, p->maxduration).sec;
    while (*close <= enough && first(p, *close, &begin, &end) && begin <= *close)
        *close = end;
    return true;
}
