/* lib/text/uri.c: schemes, file: URLs, URLs for messages. */
#include "text/uri.h"
#include "tap.h"

static const char *const schemes[][2] = {
    {"https://x", "https"},   {"HTTPS://x", "https"}, {"file:/a", "file"}, {"vos://a!b/c", "vos"},
    {"a+b-c.d:x", "a+b-c.d"}, {"s3:x", "s3"},         {"x:", "x"},         {"", NULL},
    {"/a/b", NULL},           {"a/b:c", NULL},        {":x", NULL},        {"1a:b", NULL},
    {"-a:b", NULL},           {"https", NULL},        {"a b:c", NULL},     {"\xc3\xa4:b", NULL},
};

static const char *const paths[][2] = {
    {"file:///a/b", "/a/b"},
    {"file:/a/b", "/a/b"},
    {"FILE:/a", "/a"},
    {"file://localhost/a", "/a"},
    {"file://LocalHost/a", "/a"},
    {"file:///", "/"},
    {"file:///a%20b", "/a b"},
    {"file:///%c3%A4", "/\xc3\xa4"},
    {"file:///a%2Fb", "/a/b"},
    {"file:///a%25", "/a%"},
    {"file:///a%00b", NULL},
    {"file:///a%", NULL},
    {"file:///a%2", NULL},
    {"file:///a%zz", NULL},
    {"file://host/a", NULL},
    {"file://localhostile/a", NULL},
    {"file:////host/a", NULL},
    {"file://", NULL},
    {"file:", NULL},
    {"file:a", NULL},
    {"http://a/b", NULL},
    {"/a", NULL},
    {"", NULL},
};

static const char *const of_paths[][2] = {
    {"/a/b", "file:///a/b"},         {"/a b", "file:///a%20b"},
    {"/\xc3\xa4", "file:///%C3%A4"}, {"/a?b#c%d:e", "file:///a%3Fb%23c%25d%3Ae"},
    {"/-._~", "file:///-._~"},       {"/", "file:///"},
};

static const char *const below[][3] = {
    {"https://x/d", "a/b c", "https://x/d/a/b%20c"},
    {"https://x/d/", "a", "https://x/d/a"},
    {"https://x", "%", "https://x/%25"},
    {"file:///d", "", "file:///d/"},
};

static const char *const shown[][2] = {
    {"https://user:secret@x/a/b?token=1#f", "https://x/a/b?..."},
    {"https://x:8080/a", "https://x:8080/a"},
    {"https://user@x", "https://x"},
    {"https://u:p@ss@x/a", "https://x/a"},
    {"https://x?token=1", "https://x?..."},
    {"https://x/a#token", "https://x/a"},
    {"https://x/a@b", "https://x/a@b"},
    {"s3://bucket/key", "s3://bucket/key"},
    {"file:/a", "file:/a"},
    {"/a/b", "/a/b"},
    {"", ""},
};

/* RFC 3986, 5.4.1 and 5.4.2; then what is no http. */
#define BASE "http://a/b/c/d;p?q"
static const char *const resolved[][3] = {
    {BASE, "g:h", "g:h"},
    {BASE, "g", "http://a/b/c/g"},
    {BASE, "./g", "http://a/b/c/g"},
    {BASE, "g/", "http://a/b/c/g/"},
    {BASE, "/g", "http://a/g"},
    {BASE, "//g", "http://g"},
    {BASE, "?y", "http://a/b/c/d;p?y"},
    {BASE, "g?y", "http://a/b/c/g?y"},
    {BASE, "#s", "http://a/b/c/d;p?q#s"},
    {BASE, "g#s", "http://a/b/c/g#s"},
    {BASE, "g?y#s", "http://a/b/c/g?y#s"},
    {BASE, ";x", "http://a/b/c/;x"},
    {BASE, "g;x", "http://a/b/c/g;x"},
    {BASE, "", "http://a/b/c/d;p?q"},
    {BASE, ".", "http://a/b/c/"},
    {BASE, "./", "http://a/b/c/"},
    {BASE, "..", "http://a/b/"},
    {BASE, "../", "http://a/b/"},
    {BASE, "../g", "http://a/b/g"},
    {BASE, "../..", "http://a/"},
    {BASE, "../../g", "http://a/g"},
    {BASE, "../../../../g", "http://a/g"},
    {BASE, "/./g", "http://a/g"},
    {BASE, "/../g", "http://a/g"},
    {BASE, "g.", "http://a/b/c/g."},
    {BASE, "..g", "http://a/b/c/..g"},
    {BASE, "./../g", "http://a/b/g"},
    {BASE, "./g/.", "http://a/b/c/g/"},
    {BASE, "g/../h", "http://a/b/c/h"},
    {BASE, "g;x=1/../y", "http://a/b/c/y"},
    {BASE, "g?y/../x", "http://a/b/c/g?y/../x"},
    {BASE, "g#s/../x", "http://a/b/c/g#s/../x"},
    {"http://a", "b", "http://a/b"},
    {"file:///a/b.json", "c.json#/d", "file:///a/c.json#/d"},
    {"urn:a:b", "#c", "urn:a:b#c"},
    {"urn:a:b", "urn:c:d", "urn:c:d"},
    {"", "a/b", "a/b"},
    {"", "#a", "#a"},
};

static void test_one(char *(*f)(const char *), const char *const (*rows)[2], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        own(str_fini) char *got = f(rows[i][0]);
        is_str(got, rows[i][1], rows[i][0]);
    }
}

int main(void)
{
    test_one(uri_scheme, schemes, COUNT(schemes));
    test_one(uri_file_path, paths, COUNT(paths));
    test_one(uri_of_path, of_paths, COUNT(of_paths));
    test_one(uri_shown, shown, COUNT(shown));
    for (size_t i = 0; i < COUNT(below); i++) {
        own(str_fini) char *got = uri_below(below[i][0], below[i][1]);
        is_str(got, below[i][2], below[i][0]);
    }
    for (size_t i = 0; i < COUNT(resolved); i++) {
        own(str_fini) char *got = uri_resolve(resolved[i][0], resolved[i][1]);
        is_str(got, resolved[i][2], resolved[i][1]);
    }
    char every[256] = "/";
    for (int c = 1; c < 255; c++)
        every[c] = (char)c;
    own(str_fini) char *url = uri_of_path(every);
    own(str_fini) char *back = uri_file_path(url);
    is_str(back, every, "every byte of a path survives");
    return tap_end();
}
