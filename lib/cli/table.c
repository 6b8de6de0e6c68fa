#include "cli/table.h"
#include "text/size.h"

#define GAP 2
#define REDRAW_MS 150

void table_cell(struct table *t, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    strs_add(&t->cells, text);
}

/* Columns on a screen, not bytes: continuation bytes of UTF-8 take none. */
static size_t width(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void add_cell(struct buf *out, const char *s, size_t wide, bool last)
{
    buf_str(out, s);
    for (size_t n = width(s); !last && n < wide + GAP; n++)
        buf_char(out, ' ');
}

/* Appends a line, cut to `most` columns. */
static void add_line(struct buf *out, const char *line, size_t most)
{
    size_t n = 0, columns = 0;
    if (most == 0 || width(line) <= most) {
        buf_str(out, line);
    } else {
        for (; line[n]; n++) {
            columns += ((unsigned char)line[n] & 0xc0) != 0x80;
            if (columns == most)
                break;
        }
        buf_add(out, line, n);
        buf_str(out, "~");
    }
    buf_char(out, '\n');
}

void table_print(const struct table *t, size_t most, struct buf *out)
{
    size_t columns = 0, wide[16] = {0};
    own(buf_fini) struct buf line = {0};
    while (t->heads[columns] && columns < COUNT(wide)) {
        wide[columns] = width(t->heads[columns]);
        columns++;
    }
    for (size_t i = 0; i < t->cells.n; i++)
        if (width(t->cells.list[i]) > wide[i % columns])
            wide[i % columns] = width(t->cells.list[i]);
    for (size_t i = 0; i < columns + t->cells.n; i++) {
        const char *cell = i < columns ? t->heads[i] : t->cells.list[i - columns];
        bool last = i % columns + 1 == columns;
        add_cell(&line, cell, wide[i % columns], last);
        if (!last)
            continue;
        add_line(out, line.bytes, most);
        line.len = 0;
    }
}

void table_fini(struct table *t)
{
    strs_fini(&t->cells);
}

static void draw(struct bar *b, const char *text)
{
    if (str_same(b->last, text))
        return;
    snprintf(b->last, sizeof(b->last), "%s", text);
    dprintf(2, "\r\033[K%s", text);
}

void bar_draw(struct bar *b, const char *what, int64_t bytes, int64_t total, int64_t now_ms)
{
    static const char full[] = "##############################";
    char text[160], size[SIZE_TEXT], rate[SIZE_TEXT];
    if (!isatty(2))
        return;
    if (!str_same(b->what, what)) {
        snprintf(b->what, sizeof(b->what), "%s", what);
        b->began_ms = now_ms;
        b->drawn_ms = 0;
    }
    if (now_ms - b->drawn_ms < REDRAW_MS && bytes != total)
        return;
    b->drawn_ms = now_ms;
    int64_t ms = now_ms - b->began_ms;
    if (bytes < 0) {
        snprintf(text, sizeof(text), "%s %lld s", what, (long long)ms / 1000);
    } else {
        size_print(bytes, size);
        size_print(ms > 0 ? bytes * 1000 / ms : 0, rate);
        int cells = total > 0 ? (int)((double)bytes * 30 / (double)total) : 0;
        cells = cells > 30 ? 30 : cells;
        snprintf(text, sizeof(text), "%s [%.*s%*s] %s  %s/s", what, cells, full, 30 - cells, "",
                 size, rate);
    }
    draw(b, text);
}

void bar_clear(struct bar *b)
{
    if (b->last[0])
        dprintf(2, "\r\033[K");
    b->last[0] = '\0';
}
