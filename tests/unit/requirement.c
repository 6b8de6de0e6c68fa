/* Lines of a requirements.txt, and versions as Python orders them. */
#include "model/requirement.h"
#include "tap.h"

static const struct {
    const char *versions, *version;
    int allows;
} rows[] = {
    {"", "1.0", 1},           {"==1.0", "1.0.0", 1},
    {"==1.0", "1.0.1", 0},    {"==1.0.*", "1.0.9", 1},
    {"==1.0.*", "1.1", 0},    {"==1.*", "10.0", 0},
    {"!=1.0.*", "1.0.9", 0},  {"!=1.0", "1.0.0.1", 1},
    {"===1.0", "1.0", 1},     {">=1.10", "1.9", 0}, /* numbers, not text */
    {">=1.9", "1.10", 1},     {">1.0", "1.0.0", 0},
    {">1.0", "1.0.post1", 1}, {"<2", "2.0rc1", 1},
    {"<2", "2.0", 0},         {"<=2", "2.0+local", 1},
    {">=2", "2.0.dev3", 0},   {">=2.0rc1", "2.0rc2", 1},
    {"~=2.2", "2.9", 1},      {"~=2.2", "3.0", 0},
    {"~=2.2.1", "2.2.9", 1},  {"~=2.2.1", "2.3", 0},
    {"~=2.2.1", "2.2.0", 0},  {">=1,<2", "1.5", 1},
    {">=1,<2", "2.0", 0},     {"<2,>=1", "0.9", 0},
    {">=1.2,", "1.2", 1},     {"~=2", "2.0", -1}, /* PEP 440: it needs two numbers */
    {"1.0", "1.0", -1},       {"=1.0", "1.0", -1},
    {">=", "1.0", -1},        {">=x", "1.0", -1},
};

static const struct {
    const char *line, *name, *versions; /* name NULL: none; "!": no requirement */
} lines[] = {
    {"", NULL, NULL},
    {"   # words", NULL, NULL},
    {"numpy", "numpy", ""},
    {" Python_Date.Util >= 1.2 , <2 # why\r", "python-date-util", ">=1.2,<2"},
    {"a[b,c] (==1.0)", "a", "==1.0"},
    {"a;python_version>='3'", "a", ""},
    {"a#b", "!", NULL},
    {"-r more.txt", "!", NULL},
    {"--index-url https://example.org", "!", NULL},
    {"a @ https://example.org/a.whl", "!", NULL},
    {"a-", "!", NULL},
    {"./a.whl", "!", NULL},
    {"a >= b", "!", NULL},
};

static const struct {
    const char *marker;
    bool skipped;
} markers[] = {
    {NULL, false},
    {"python_version >= '3.9'", false},
    {"python_version < \"3.9\"", true},
    {"python_version<'3.9' and extra == 'x'", false},
    {"sys_platform == 'win32'", false},
    {"python_version", false},
    {"python_version < '3.9", false},
};

int main(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        own(str_fini) char *what = str_print("%s of %s", rows[i].version, rows[i].versions);
        is_int(requirement_allows(rows[i].versions, rows[i].version), rows[i].allows, what);
    }
    for (size_t i = 0; i < COUNT(lines); i++) {
        own(requirement_fini) struct requirement r = {0};
        const char *why = "";
        const bool none = str_same(lines[i].name, "!");
        is_int(requirement_parse(lines[i].line, strlen(lines[i].line), &r, &why), none ? -1 : 0,
               lines[i].line);
        is_str(r.name, none ? NULL : lines[i].name, lines[i].line);
        is_str(r.versions, lines[i].versions, lines[i].line);
    }
    for (size_t i = 0; i < COUNT(markers); i++)
        ok(requirement_skipped(markers[i].marker, "3.11.2") == markers[i].skipped,
           markers[i].marker ? markers[i].marker : "no marker");
    return tap_end();
}
