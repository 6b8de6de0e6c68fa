#include <fcntl.h>
#include "text/doc.h"
#include "text/buf.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

size_t utf8_length(const unsigned char *s, size_t room)
{
    static const struct {
        unsigned char from, to, low, high;
        size_t n;
    } rows[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
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

void line_move(struct text_line *line, const char *bytes, size_t at)
{
    for (; line->seen < at; line->seen++) {
        const char *c = bytes + line->seen;
        if (*c == '\n' || (*c == '\r' && c[1] != '\n')) {
            line->number++;
            line->from = line->seen + 1;
        }
    }
}

void doc_line(const char *bytes, size_t at, unsigned *line, unsigned *column)
{
    struct text_line l = {.number = 1};
    line_move(&l, bytes, at);
    *line = l.number;
    *column = (unsigned)(at - l.from + 1);
}

static int err_byte(struct err *err, const struct input *in, size_t at, const char *text)
{
    unsigned line, column;
    doc_line(in->bytes, at, &line, &column);
    err_set(err, CODE_DATA, "%s", text);
    return err_at(err, in->name, line, column);
}

/* Text of another encoding often says so by its first bytes. */
static int check_mark(struct input *in, struct err *err)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } marks[] = {
        {"\xff\xfe\0\0", 4, "this is UTF-32, expected UTF-8; save the file as UTF-8"},
        {"\0\0\xfe\xff", 4, "this is UTF-32, expected UTF-8; save the file as UTF-8"},
        {"\xff\xfe", 2, "this is UTF-16, expected UTF-8; save the file as UTF-8"},
        {"\xfe\xff", 2, "this is UTF-16, expected UTF-8; save the file as UTF-8"},
    };
    for (size_t i = 0; i < COUNT(marks); i++)
        if (in->len >= marks[i].len && memcmp(in->bytes, marks[i].bytes, marks[i].len) == 0)
            return err_byte(err, in, 0, marks[i].text);
    return 0;
}

/* How many bytes are ASCII and no NUL, eight at a time: nearly all text is. */
static size_t ascii_run(const char *bytes, size_t len)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    size_t i = 0;
    for (uint64_t eight; i + 8 <= len; i += 8) {
        memcpy(&eight, bytes + i, 8);
        if ((eight | (eight - ones)) & high)
            break;
    }
    while (i < len && (signed char)bytes[i] > 0)
        i++;
    return i;
}

static int check_encoding(struct input *in, struct err *err)
{
    if (check_mark(in, err) < 0)
        return -1;
    for (size_t i = 0; i < in->len;) {
        i += ascii_run(in->bytes + i, in->len - i);
        if (i == in->len)
            break;
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
    in->line = (struct text_line){.number = 1};
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

/* A limit was passed, which no other reading of the text would mend. */
#define PASSED (-2)

/* Is there more than our limits allow? Every value but the first has a byte that leads to it. */
static bool may_pass_limits(const json_t *j, size_t bytes, int depth)
{
    const bool object = json_is_object(j);
    size_t i;
    json_t *v;
    if (bytes > DOC_NODES_MAX || (depth == DOC_DEPTH_MAX && (object || json_is_array(j))))
        return true;
    for (void *at = object ? json_object_iter((json_t *)j) : NULL; at;
         at = json_object_iter_next((json_t *)j, at))
        if (may_pass_limits(json_object_iter_value(at), bytes, depth + 1))
            return true;
    json_array_foreach (j, i, v)
        if (may_pass_limits(v, bytes, depth + 1))
            return true;
    return false;
}

/* jansson limits depth to 2,048; ours is smaller, and a string may hold brackets. */
static int check_limits(const struct input *in, size_t from, size_t to, struct err *err)
{
    int depth = 0;
    size_t values = 1;
    bool quoted = false;
    for (size_t i = from; i < to; i++) {
        char c = in->bytes[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
            continue;
        }
        quoted = c == '"';
        values += c == '{' || c == '[' || c == ',';
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (depth > DOC_DEPTH_MAX)
            return err_byte(err, in, i, "nested deeper than 64 levels");
        if (values > DOC_NODES_MAX)
            return err_byte(err, in, i, "more than 1000000 values");
    }
    return 0;
}

static void skip_blanks(struct input *in)
{
    while (in->at < in->len && is_blank(in->bytes[in->at]))
        in->at++;
}

static int json_next(struct input *in, json_t **doc, struct span *span, struct err *err)
{
    skip_blanks(in);
    const size_t begin = in->at, rest = in->len - begin;
    if (rest == 0)
        return 0;
    json_error_t e;
    const size_t flags =
        JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL;
    const size_t room = rest < DOC_BYTES_MAX ? rest : DOC_BYTES_MAX;
    own(json_fini) json_t *j = json_loadb(in->bytes + begin, room, flags, &e);
    const size_t read = e.position > 0 ? (size_t)e.position : 0;
    if (!j && room < rest && read + 4 > room) {
        err_byte(err, in, begin, "document is larger than 4 MiB");
        return PASSED;
    }
    if (!j && json_error_code(&e) == json_error_stack_overflow) {
        err_byte(err, in, begin, "nested deeper than 64 levels");
        return PASSED;
    }
    if (!j) {
        /* jansson shows what it has read so far, which may end within a character. */
        char *near = strstr(e.text, " near '");
        own(json_fini) json_t *whole = json_string(e.text);
        if (near && (strlen(near) > 60 || !whole))
            *near = '\0';
        return err_byte(err, in, begin + (read ? read - 1 : 0), e.text);
    }
    if (may_pass_limits(j, read, 0) && check_limits(in, begin, begin + read, err) < 0)
        return PASSED;
    in->at = begin + read;
    *span = (struct span){begin, in->at};
    skip_blanks(in);
    if (json_is_string(j) && in->at < in->len && in->bytes[in->at] == ':')
        return err_byte(err, in, in->at, "a string is followed by ':'"); /* a key: YAML */
    *doc = move(j);
    return 1;
}

static int yaml_first_or_next(struct input *in, json_t **doc, struct span *span, struct err *err)
{
    if (!in->reader)
        in->reader = yaml_open(in->bytes, in->len);
    return yaml_next(in->reader, in->name, doc, span, err);
}

/* `{a: b}` begins like JSON and is YAML, and so does JSON with a comment or `---` behind it. A text
 * with a quoted key was meant as JSON, and the JSON reader's complaint is then the one that helps.
 */
static int json_or_yaml(struct input *in, json_t **doc, struct span *span, struct err *err)
{
    size_t start = in->at;
    int rc = json_next(in, doc, span, err);
    if (rc >= 0 || rc == PASSED || in->docs > 1)
        return rc;
    struct err other = {0};
    own(json_fini) json_t *found = NULL;
    struct yaml_reader *r = yaml_open(in->bytes, in->len);
    rc = yaml_next(r, in->name, &found, span, &other);
    if (rc > 0 && in->docs == 1) { /* had already as JSON */
        json_fini(&found);
        rc = yaml_next(r, in->name, &found, span, &other);
    }
    if (rc >= 0) {
        in->yaml = true;
        in->reader = r;
        *doc = rc > 0 ? move(found) : *doc;
        return rc;
    }
    yaml_close(r);
    do
        start++;
    while (start < in->len && is_blank(in->bytes[start]));
    if (in->docs == 0 && start < in->len && !strchr("\"{[]}", in->bytes[start]))
        *err = other;
    return -1;
}

int input_next(struct input *in, json_t **doc, struct err *err)
{
    if (in->ended)
        return 0;
    struct span span;
    int rc = in->yaml ? yaml_first_or_next(in, doc, &span, err) : json_or_yaml(in, doc, &span, err);
    if (rc > 0) {
        in->docs++;
        in->last = span;
        line_move(&in->line, in->bytes, span.from);
    }
    if (rc == 0 && in->docs == 0) {
        rc = err_set(err, CODE_DATA, "empty input, expected a YAML or JSON document");
        err_at(err, in->name, 0, 0);
    }
    in->ended = rc <= 0;
    return rc < 0 ? -1 : rc;
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
