#include <fcntl.h>
#include "text/doc.h"
#include "text/buf.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The length of the UTF-8 sequence at s, 0 when it is not one (overlong, surrogate, too large). */
static size_t utf8_length(const unsigned char *s, size_t room)
{
    static const struct {
        unsigned char from, to, low, high;
        size_t n;
    } rows[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (s[0] < rows[i].from || s[0] > rows[i].to)
            continue;
        if (rows[i].n > room || (rows[i].n > 1 && (s[1] < rows[i].low || s[1] > rows[i].high)))
            return 0;
        for (size_t k = 2; k < rows[i].n; k++)
            if ((s[k] & 0xc0) != 0x80)
                return 0;
        return rows[i].n;
    }
    return 0;
}

static void line_of(const char *bytes, size_t at, unsigned *line, unsigned *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < at; i++) {
        (*column)++;
        if (bytes[i] == '\n') {
            (*line)++;
            *column = 1;
        }
    }
}

static int err_byte(struct err *err, const struct input *in, size_t at, const char *text)
{
    unsigned line, column;
    line_of(in->bytes, at, &line, &column);
    err_set(err, CODE_DATA, "%s", text);
    return err_at(err, in->name, line, column);
}

static int check_encoding(struct input *in, struct err *err)
{
    for (size_t i = 0; i < in->len;) {
        if (in->bytes[i] == '\0')
            return err_byte(err, in, i, "a NUL byte is not text, expected UTF-8");
        size_t n = utf8_length((const unsigned char *)in->bytes + i, in->len - i);
        if (n == 0)
            return err_byte(err, in, i, "not valid UTF-8; save the file as UTF-8");
        i += n;
    }
    return 0;
}

static int input_begin(struct input *in, struct err *err)
{
    if (check_encoding(in, err) < 0)
        return -1;
    if (in->len >= 3 && memcmp(in->bytes, "\xef\xbb\xbf", 3) == 0) {
        memmove(in->bytes, in->bytes + 3, in->len - 3 + 1);
        in->len -= 3;
    }
    size_t i = 0;
    while (i < in->len && is_blank(in->bytes[i]))
        i++;
    in->at = i;
    in->yaml = i == in->len || !strchr("{[\"", in->bytes[i]);
    return 0;
}

int input_bytes(struct input *in, const char *name, const void *bytes, size_t len, struct err *err)
{
    struct buf b = {0};
    buf_add(&b, bytes, len);
    *in = (struct input){.name = str_new(name), .bytes = buf_take(&b), .len = len};
    if (input_begin(in, err) < 0) {
        input_close(in);
        return -1;
    }
    return 0;
}

static int read_all(int fd, const char *name, struct buf *b, struct err *err)
{
    char chunk[65536];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err_sys(err, "cannot read %s", name);
            err->code = CODE_IO;
            return -1;
        }
        if (b->len + (size_t)n > DOC_STREAM_MAX)
            return err_set(err, CODE_DATA, "%s is larger than %d MiB", name,
                           DOC_STREAM_MAX / 1024 / 1024);
        buf_add(b, chunk, (size_t)n);
    }
}

int input_open(struct input *in, const char *path, struct err *err)
{
    bool standard = !path || str_same(path, "-");
    const char *name = standard ? "<stdin>" : path;
    own(buf_fini) struct buf b = {0};
    int fd = standard ? 0 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_sys(err, "cannot open %s", path);
    int rc = read_all(fd, name, &b, err);
    if (!standard)
        close(fd);
    if (rc < 0)
        return -1;
    size_t len = b.len;
    *in = (struct input){.name = str_new(name), .bytes = buf_take(&b), .len = len};
    if (input_begin(in, err) < 0) {
        input_close(in);
        return -1;
    }
    return 0;
}

void input_close(struct input *in)
{
    yaml_close(in->reader);
    free(in->name);
    free(in->bytes);
    *in = (struct input){0};
}

/* jansson limits depth to 2,048; ours is smaller, and a string may hold brackets. */
static int check_depth(const struct input *in, size_t from, size_t to, struct err *err)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = from; i < to; i++) {
        char c = in->bytes[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > DOC_DEPTH_MAX)
                return err_byte(err, in, i, "nested deeper than 64 levels");
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return 0;
}

static int json_next(struct input *in, json_t **doc, struct err *err)
{
    while (in->at < in->len && is_blank(in->bytes[in->at]))
        in->at++;
    if (in->at == in->len)
        return 0;
    json_error_t e;
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK |
                         JSON_ALLOW_NUL;
    own(json_fini) json_t *j = json_loadb(in->bytes + in->at, in->len - in->at, flags, &e);
    if (!j) {
        size_t at = in->at + (e.position > 0 ? (size_t)e.position - 1 : 0);
        char *near = strstr(e.text, " near '");
        if (near && strlen(near) > 60)
            *near = '\0';
        return err_byte(err, in, at < in->len ? at : in->len, e.text);
    }
    size_t end = in->at + (size_t)e.position;
    if (end - in->at > DOC_BYTES_MAX)
        return err_byte(err, in, in->at, "document is larger than 4 MiB");
    if (check_depth(in, in->at, end, err) < 0)
        return -1;
    in->at = end;
    *doc = move(j);
    return 1;
}

static int yaml_first_or_next(struct input *in, json_t **doc, struct err *err)
{
    if (!in->reader)
        in->reader = yaml_open(in->bytes, in->len);
    return yaml_next(in->reader, in->name, doc, err);
}

/* `{a: b}` begins like JSON and is YAML. A text with a quoted key was meant as JSON, and the JSON
 * reader's complaint is then the one that helps. */
static int json_or_yaml(struct input *in, json_t **doc, struct err *err)
{
    size_t start = in->at;
    int rc = json_next(in, doc, err);
    if (rc >= 0 || in->docs > 0 || strstr(err->text, "NUL") || strstr(err->text, "deeper") ||
        strstr(err->text, "larger"))
        return rc;
    struct err other = {0};
    struct yaml_reader *r = yaml_open(in->bytes, in->len);
    rc = yaml_next(r, in->name, doc, &other);
    if (rc > 0) {
        in->yaml = true;
        in->reader = r;
        return rc;
    }
    yaml_close(r);
    do
        start++;
    while (start < in->len && is_blank(in->bytes[start]));
    if (start < in->len && !strchr("\"{[]}", in->bytes[start]))
        *err = other;
    return -1;
}

int input_next(struct input *in, json_t **doc, struct err *err)
{
    int rc = in->yaml ? yaml_first_or_next(in, doc, err) : json_or_yaml(in, doc, err);
    if (rc > 0)
        in->docs++;
    if (rc == 0 && in->docs == 0) {
        err_set(err, CODE_DATA, "empty input, expected a YAML or JSON document");
        return err_at(err, in->name, 0, 0);
    }
    return rc;
}

static int only_document(struct input *in, json_t **doc, struct err *err)
{
    own(json_fini) json_t *first = NULL;
    own(json_fini) json_t *more = NULL;
    if (input_next(in, &first, err) < 0)
        return -1;
    int rc = input_next(in, &more, err);
    if (rc < 0)
        return -1;
    if (rc > 0) {
        err_set(err, CODE_DATA, "expected one document, found several");
        return err_at(err, in->name, 0, 0);
    }
    *doc = move(first);
    return 0;
}

int doc_file(const char *path, json_t **doc, struct err *err)
{
    own(input_close) struct input in = {0};
    if (input_open(&in, path, err) < 0)
        return -1;
    return only_document(&in, doc, err);
}

int doc_bytes(const char *name, const void *bytes, size_t len, json_t **doc, struct err *err)
{
    own(input_close) struct input in = {0};
    if (input_bytes(&in, name, bytes, len, err) < 0)
        return -1;
    return only_document(&in, doc, err);
}

/* A walk over JSON text known to be valid, looking for one pointer. */
struct walk {
    const char *bytes;
    size_t at, len;
    const char *want; /* the pointer */
    size_t deepest;   /* how much of it was found */
    size_t found;     /* and where */
};

static void skip_blank(struct walk *w)
{
    while (w->at < w->len && (is_blank(w->bytes[w->at]) || strchr(",:", w->bytes[w->at])))
        w->at++;
}

static void skip_string(struct walk *w)
{
    for (w->at++; w->at < w->len && w->bytes[w->at] != '"'; w->at++)
        if (w->bytes[w->at] == '\\')
            w->at++;
    w->at++;
}

/* Does the pointer go on, after `matched` bytes, with this token? Then by how many bytes. */
static size_t token_matches(const struct walk *w, size_t matched, const char *token, size_t len)
{
    const char *p = w->want + matched;
    if (*p++ != '/')
        return 0;
    for (size_t i = 0; i < len; i++, p++) {
        if (*p == '~' && (token[i] == '~' || token[i] == '/'))
            p++;
        else if (*p != token[i])
            return 0;
    }
    return *p == '\0' || *p == '/' ? (size_t)(p - w->want) - matched : 0;
}

static void walk_value(struct walk *w, size_t matched, bool on_path)
{
    skip_blank(w);
    if (on_path && (matched > w->deepest || w->deepest == 0)) {
        w->deepest = matched;
        w->found = w->at;
    }
    if (w->at >= w->len)
        return;
    char c = w->bytes[w->at];
    if (c == '"') {
        skip_string(w);
        return;
    }
    if (c != '{' && c != '[') {
        while (w->at < w->len && !strchr(",]} \t\r\n", w->bytes[w->at]))
            w->at++;
        return;
    }
    w->at++;
    for (size_t index = 0;; index++) {
        skip_blank(w);
        if (w->at >= w->len || w->bytes[w->at] == '}' || w->bytes[w->at] == ']') {
            w->at++;
            return;
        }
        char number[24];
        const char *token = number;
        size_t len = (size_t)snprintf(number, sizeof(number), "%zu", index);
        if (c == '{') {
            token = w->bytes + w->at + 1;
            size_t from = w->at;
            skip_string(w);
            len = w->at - from - 2;
        }
        size_t more = on_path ? token_matches(w, matched, token, len) : 0;
        walk_value(w, matched + more, more > 0);
    }
}

void input_locate(const struct input *in, size_t index, const char *pointer, unsigned *line,
                  unsigned *column)
{
    *line = *column = 0;
    if (in->yaml) {
        yaml_locate(in->bytes, in->len, index, pointer, line, column);
        return;
    }
    struct walk w = {.bytes = in->bytes, .len = in->len, .want = pointer};
    for (size_t i = 0; i < index; i++)
        walk_value(&w, 0, false);
    w.deepest = 0;
    walk_value(&w, 0, true);
    line_of(in->bytes, w.found, line, column);
}
