#include "text/buf.h"

static _Noreturn void out_of_memory(void)
{
    static const char text[] = "error: out of memory\n";
    if (write(2, text, sizeof(text) - 1) < 0)
        _exit(71);
    _exit(71); /* CODE_OS */
}

void *mem_new(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *mem_raw(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *mem_grow(void *p, size_t count, size_t size)
{
    void *q = reallocarray(p, count ? count : 1, size);
    if (!q)
        out_of_memory();
    return q;
}

char *str_new(const char *s)
{
    if (!s)
        return NULL;
    size_t n = strlen(s) + 1;
    return memcpy(mem_raw(n), s, n);
}

char *str_vprint(const char *fmt, va_list ap)
{
    char *s;
    if (vasprintf(&s, fmt, ap) < 0)
        out_of_memory();
    return s;
}

char *str_print(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = str_vprint(fmt, ap);
    va_end(ap);
    return s;
}

void str_fini(char **s)
{
    free(*s);
    *s = NULL;
}

static void buf_reserve(struct buf *b, size_t more)
{
    size_t need = b->len + more + 1;
    if (need <= b->room)
        return;
    size_t room = b->room ? b->room : 64;
    while (room < need)
        room *= 2;
    b->bytes = mem_grow(b->bytes, room, 1);
    b->room = room;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    buf_reserve(b, n);
    if (n)
        memcpy(b->bytes + b->len, bytes, n);
    b->len += n;
    b->bytes[b->len] = '\0';
}

void buf_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_print(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    buf_reserve(b, 64);
    va_start(ap, fmt);
    const int n = vsnprintf(b->bytes + b->len, b->room - b->len, fmt, ap);
    va_end(ap);
    if (n < 0)
        out_of_memory();
    if ((size_t)n >= b->room - b->len) { /* now it is known how much it takes */
        buf_reserve(b, (size_t)n);
        va_start(ap, fmt);
        vsnprintf(b->bytes + b->len, b->room - b->len, fmt, ap);
        va_end(ap);
    }
    b->len += (size_t)n;
}

char *buf_take(struct buf *b)
{
    buf_reserve(b, 0);
    b->bytes[b->len] = '\0';
    char *s = b->bytes;
    *b = (struct buf){0};
    return s;
}

void buf_fini(struct buf *b)
{
    free(b->bytes);
    *b = (struct buf){0};
}

void strs_add(struct strs *s, const char *text)
{
    s->list = mem_grow(s->list, s->n + 2, sizeof(*s->list));
    s->list[s->n++] = str_new(text);
    s->list[s->n] = NULL;
}

void strs_print(struct strs *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    own(str_fini) char *text = str_vprint(fmt, ap);
    va_end(ap);
    strs_add(s, text);
}

void strs_fini(struct strs *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->list[i]);
    free(s->list);
    *s = (struct strs){0};
}
