#include "text/mask.h"

/* Two characters of the same length as what they stand for; a pair of halves has 12 bytes, of which
 * the mark takes the place of each `\u`. */
#define PAIR 0
static const struct {
    const char *bytes;
    size_t len;
    unsigned from, to; /* where its mark is looked for: letters, all printable */
} rows[] = {
    {"\\u", 2, 0x100, 0x6ff},
    {"\xc2\x85", 2, 0x100, 0x6ff},
    {"\xe2\x80\xa8", 3, 0x3400, 0x9ffc},
    {"\xe2\x80\xa9", 3, 0x3400, 0x9ffc},
};

static size_t encode(unsigned c, char *s)
{
    if (c < 0x800) {
        s[0] = (char)(0xc0 | c >> 6);
        s[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        s[0] = (char)(0xe0 | c >> 12);
        s[1] = (char)(0x80 | (c >> 6 & 0x3f));
        s[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    s[0] = (char)(0xf0 | c >> 18);
    s[1] = (char)(0x80 | (c >> 12 & 0x3f));
    s[2] = (char)(0x80 | (c >> 6 & 0x3f));
    s[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Four hexadecimal digits from `low` to `low` + 0x3ff, else 0. */
static unsigned half(const char *s, unsigned low)
{
    char digits[5] = {s[0], s[1], s[2], s[3], '\0'};
    if (strspn(digits, "0123456789abcdefABCDEF") != 4)
        return 0;
    unsigned v = (unsigned)strtoul(digits, NULL, 16);
    return v >= low && v < low + 0x400 ? v : 0;
}

/* Do two halves stand here, \ud83d\ude00, whose backslash is not itself escaped? */
static bool is_pair(const char *bytes, size_t len, size_t at)
{
    size_t before = at;
    if (at + 12 > len || memcmp(bytes + at, "\\u", 2) != 0 ||
        memcmp(bytes + at + 6, "\\u", 2) != 0 || !half(bytes + at + 2, 0xd800) ||
        !half(bytes + at + 8, 0xdc00))
        return false;
    while (before > 0 && bytes[before - 1] == '\\')
        before--;
    return (at - before) % 2 == 0;
}

/* The row of what is to be masked here, or -1. */
static int row_at(const char *bytes, size_t len, size_t at)
{
    if (bytes[at] == '\\')
        return is_pair(bytes, len, at) ? PAIR : -1;
    if (bytes[at] != '\xc2' && bytes[at] != '\xe2')
        return -1;
    for (size_t i = PAIR + 1; i < COUNT(rows); i++)
        if (rows[i].len <= len - at && memcmp(bytes + at, rows[i].bytes, rows[i].len) == 0)
            return (int)i;
    return -1;
}

/* The character that an escape stands for, \u0100 or \U00000100, or 0. Too many may be taken for
 * one: behind an escaped backslash there is none. */
static unsigned escaped(const char *s, size_t len)
{
    char digits[9] = "";
    const size_t n = len > 1 && s[1] == 'u' ? 4 : len > 1 && s[1] == 'U' ? 8 : 0;
    if (n == 0 || len < 2 + n)
        return 0;
    memcpy(digits, s + 2, n);
    return (unsigned)strtoul(digits, NULL, 16);
}

/* A different character for each row that the text has not got, not escaped either. A text that has
 * got all of them stays as it is, and libyaml refuses the halves and breaks the lines. */
static bool choose_marks(struct masks *m, const char *bytes, size_t len)
{
    own(str_fini) char *seen = mem_new(0x10000);
    for (size_t i = 0; i < len; i++) {
        const unsigned char *c = (const unsigned char *)bytes + i;
        if (*c >= 0xc2 && *c < 0xe0 && i + 1 < len)
            seen[(*c & 0x1f) << 6 | (c[1] & 0x3f)] = 1;
        else if (*c >= 0xe0 && *c < 0xf0 && i + 2 < len)
            seen[(*c & 0x0f) << 12 | (c[1] & 0x3f) << 6 | (c[2] & 0x3f)] = 1;
        else if (*c == '\\' && escaped(bytes + i, len - i) < 0x10000)
            seen[escaped(bytes + i, len - i)] = 1;
    }
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned c = rows[i].from;
        while (c <= rows[i].to && seen[c])
            c++;
        if (c > rows[i].to)
            return false;
        seen[c] = 1;
        encode(c, m->marks[i]);
    }
    return true;
}

/* Most texts have nothing to mask, which is told by three looks at them. */
static bool has_any(const char *bytes, size_t len)
{
    static const char first[] = {'\\', '\xc2', '\xe2'};
    for (size_t k = 0; k < COUNT(first); k++)
        for (const char *p = bytes; (p = memchr(p, first[k], len - (size_t)(p - bytes))); p++)
            if (row_at(bytes, len, (size_t)(p - bytes)) >= 0)
                return true;
    return false;
}

void masks_init(struct masks *m, const char *bytes, size_t len)
{
    *m = (struct masks){0};
    if (!has_any(bytes, len) || !choose_marks(m, bytes, len))
        return;
    m->text = mem_new(len + 1);
    memcpy(m->text, bytes, len);
    for (size_t i = 0; i < len; i++) {
        int row = row_at(bytes, len, i);
        if (row < 0)
            continue;
        memcpy(m->text + i, m->marks[row], rows[row].len);
        if (row == PAIR) {
            i += 6;
            memcpy(m->text + i, m->marks[PAIR], rows[PAIR].len);
        }
    }
}

void masks_fini(struct masks *m)
{
    free(m->text);
    *m = (struct masks){0};
}

size_t masks_undo(const struct masks *m, char *s, size_t len, bool escapes)
{
    size_t to = 0;
    for (size_t i = 0; i < len;) {
        size_t row = 0;
        while (row < COUNT(rows) &&
               (rows[row].len > len - i || memcmp(s + i, m->marks[row], rows[row].len) != 0))
            row++;
        if (row == COUNT(rows)) {
            s[to++] = s[i++];
        } else if (row == PAIR && escapes && len - i >= 12) {
            unsigned high = half(s + i + 2, 0xd800), low = half(s + i + 8, 0xdc00);
            to += encode(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), s + to);
            i += 12;
        } else {
            memcpy(s + to, rows[row].bytes, rows[row].len);
            to += rows[row].len;
            i += rows[row].len;
        }
    }
    s[to] = '\0';
    return to;
}
