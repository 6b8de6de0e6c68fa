/* cmd/cgi/multipart.c: forms with files, byte by byte. */
#include "../../cmd/cgi/multipart.h"
#include "tap.h"

#define TYPE "multipart/form-data; boundary=xyz"

/* A body may hold NULs: what is in `text` up to its end, with \1 for a NUL. */
static char *bytes_of(const char *text)
{
    char *bytes = str_new(text);
    for (char *c = bytes; *c; c++)
        *c = *c == '\1' ? '\0' : *c;
    return bytes;
}

/* "name=length name:filename=length ...", or what is wrong. The caller frees. */
static char *shown(const char *type, const char *text)
{
    own(parts_fini) struct parts p = {0};
    struct err err = {0};
    const size_t len = strlen(text);
    own(str_fini) char *body = bytes_of(text);
    own(str_fini) char *all = str_new("");
    if (multipart_read(&p, type, body, len, &err) < 0)
        return str_new(err.text);
    for (size_t i = 0; i < p.n; i++) {
        char *more = str_print("%s%s%s%s%s=%zu", all, i ? " " : "", p.list[i].name,
                               p.list[i].filename ? ":" : "",
                               p.list[i].filename ? p.list[i].filename : "", p.list[i].len);
        free(all);
        all = more;
    }
    return move(all);
}

#define A "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
#define F "--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.y\"\r\n\r\n"
#define END "\r\n--xyz--\r\n"

static const char *const good[][2] = {
    {A "one" END, "a=3"},
    {A "one\r\n--xyz--", "a=3"},
    {A END, "a=0"},
    {A "--xyz--\r\n", "a=0"},
    {A "\r\n" END, "a=2"},
    {A "one\r\n" F "two" END, "a=3 f:x.y=3"},
    {A "\1\r\n\1" END, "a=4"},
    {A "--xy\r\n-xyz\r\n--xy" END, "a=16"},
    {F "1\r\n" F "2" END, "f:x.y=1 f:x.y=1"},
    {"--xyz  \r\ncontent-disposition:form-data;name=a\r\nContent-Type: text/plain\r\n\r\n1" END,
     "a=1"},
    {"--xyz\r\nContent-Disposition: form-data; filename=\"\"; name=\"a\\\"b\"\r\n\r\n1" END,
     "a\"b:=1"},
    {"--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"C:\\d\\e.txt\"\r\n\r\n" END,
     "f:C:\\d\\e.txt=0"},
    {"--xyz\r\nContent-Disposition: form-data; name=f; filename*=UTF-8''x\r\n\r\n" END,
     "f:UTF-8''x=0"},
    {"--xyz--", ""},
    {"--xyz--\r\n", ""},
};

static const char *const bad[][2] = {
    {"", "the form does not begin with its boundary"},
    {"\r\n" A END, "the form does not begin with its boundary"},
    {"--xy", "the form does not begin with its boundary"},
    {"--xyz", "a boundary is not at the end of its line"},
    {"--xyzz\r\n", "a boundary is not at the end of its line"},
    {"--xyz\n", "a boundary is not at the end of its line"},
    {"--xyz\r\n", "a part has no end of its head"},
    {A "one", "the part a has no end"},
    {A "one\n--xyz--", "the part a has no end"},
    {A "one\r\n--xyz", "a boundary is not at the end of its line"},
    {A "one\r\n--xyz-", "a boundary is not at the end of its line"},
    {A "one\r\n--xyz--\r\nmore", "something stands behind the end of the form"},
    {A "one\r\n--xyz--more", "something stands behind the end of the form"},
    {"--xyz\r\n\r\none" END, "a part has no name"},
    {"--xyz\r\nContent-Type: text/plain\r\n\r\none" END, "a part has no name"},
    {"--xyz\r\nContent-Disposition: form-data\r\n\r\none" END,
     "expected Content-Disposition: form-data; name=\"...\""},
    {"--xyz\r\nContent-Disposition: form-data; name=\"\"\r\n\r\none" END,
     "a part has a name that is none"},
    {"--xyz\r\nContent-Disposition: form-data; name=\"a\1b\"\r\n\r\none" END,
     "a part has no end of its head"},
    {"--xyz\r\nContent-Disposition: form-data; name=\"a\tb\"\r\n\r\none" END,
     "a part has a header that is none"},
    {"--xyz\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\none" END,
     "a part has a header that is none"},
    {"--xyz\r\nContent-Disposition: form-data; name=\"a\r\n\r\none" END,
     "expected Content-Disposition: form-data; name=\"...\""},
    {"--xyz\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\none" END,
     "expected Content-Disposition: form-data; name=\"...\""},
    {"--xyz\r\nContent-Disposition: attachment; name=a\r\n\r\none" END,
     "expected Content-Disposition: form-data; name=\"...\""},
    {"--xyz\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; "
     "name=b\r\n\r\none" END,
     "a part says twice what it is called"},
    {"--xyz\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: "
     "base64\r\n\r\none" END,
     "parts are read as they are, not in an encoding"},
    {"--xyz\r\nno header\r\n\r\none" END, "a part has a header that is none"},
};

static const char *const types[][2] = {
    {"multipart/form-data; boundary=\"xyz\"", "a=3"},
    {"multipart/form-data;charset=utf-8; BOUNDARY=xyz", "a=3"},
    {"multipart/form-data", "the form has no boundary, of 1 to 70 letters"},
    {"multipart/form-data; boundary=", "the form has no boundary, of 1 to 70 letters"},
    {"multipart/form-data; boundary=\"xyz", "the form has no boundary, of 1 to 70 letters"},
    {"multipart/form-data; boundary=xyz; boundary=xyz",
     "the form has no boundary, of 1 to 70 letters"},
    {"multipart/form-data; boundary=\"x\xc3\xa4\"", "the form has no boundary, of 1 to 70 letters"},
    {"multipart/form-data; boundary=\"x \"", "the form has no boundary, of 1 to 70 letters"},
    {"multipart/form-data; boundary=x23456789012345678901234567890123456789012345678901234567890"
     "12345678901",
     "the form has no boundary, of 1 to 70 letters"},
};

static void test_many(void)
{
    own(str_fini) char *all = str_new("");
    size_t n = strlen(A) + 2;
    free(all);
    all = mem_new((PARTS_MAX + 1) * n + strlen(END) + 1);
    for (size_t i = 0; i <= PARTS_MAX; i++)
        memcpy(all + i * n, i ? "\r\n" A : A "\r\n", i ? n : n - 2);
    /* the first one has no line break before it */
    memmove(all + n - 2, all + n, PARTS_MAX * n);
    memcpy(all + (PARTS_MAX + 1) * n - 2, END, strlen(END) + 1);
    own(str_fini) char *said = shown(TYPE, all);
    is_str(said, "the form has more than 1000 parts", "a thousand parts, and one more");
}

int main(void)
{
    for (size_t i = 0; i < COUNT(good); i++) {
        own(str_fini) char *got = shown(TYPE, good[i][0]);
        is_str(got, good[i][1], good[i][1]);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        own(str_fini) char *got = shown(TYPE, bad[i][0]);
        is_str(got, bad[i][1], bad[i][1]);
    }
    for (size_t i = 0; i < COUNT(types); i++) {
        own(str_fini) char *got = shown(types[i][0], A "one" END);
        is_str(got, types[i][1], types[i][0]);
    }
    test_many();
    return tap_end();
}
