/* The one file that knows PCRE2: regular expressions as ECMA-262 writes them, which JSON Schema
 * asks for. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include "model/schema.h"
#include "text/buf.h"

/* Steps of a match; a pattern that backtracks without end is stopped. PCRE2 counts from each place
 * of the text anew, so a long text has fewer for each. */
#define EFFORT 1000000
#define EFFORT_EACH 200

struct pattern {
    char *text;
    pcre2_code *code; /* NULL: ^ and plain characters, which the text must begin with */
    pcre2_match_data *data;
    pcre2_match_context *context;
};

/* ECMA-262 also knows the long names of the general categories of Unicode. */
static const char *const categories[][2] = {
    {"Cased_Letter", "L&"},
    {"Close_Punctuation", "Pe"},
    {"Connector_Punctuation", "Pc"},
    {"Control", "Cc"},
    {"Currency_Symbol", "Sc"},
    {"Dash_Punctuation", "Pd"},
    {"Decimal_Number", "Nd"},
    {"Enclosing_Mark", "Me"},
    {"Final_Punctuation", "Pf"},
    {"Format", "Cf"},
    {"Initial_Punctuation", "Pi"},
    {"Letter", "L"},
    {"Letter_Number", "Nl"},
    {"Line_Separator", "Zl"},
    {"Lowercase_Letter", "Ll"},
    {"Mark", "M"},
    {"Math_Symbol", "Sm"},
    {"Modifier_Letter", "Lm"},
    {"Modifier_Symbol", "Sk"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Open_Punctuation", "Ps"},
    {"Other", "C"},
    {"Other_Letter", "Lo"},
    {"Other_Number", "No"},
    {"Other_Punctuation", "Po"},
    {"Other_Symbol", "So"},
    {"Paragraph_Separator", "Zp"},
    {"Private_Use", "Co"},
    {"Punctuation", "P"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Spacing_Mark", "Mc"},
    {"Surrogate", "Cs"},
    {"Symbol", "S"},
    {"Titlecase_Letter", "Lt"},
    {"Unassigned", "Cn"},
    {"Uppercase_Letter", "Lu"},
    {"digit", "Nd"},
    {"punct", "P"},
};

/* A property between braces as PCRE2 calls it. */
static void add_property(struct buf *b, const char *name, size_t n)
{
    static const char *const prefixes[] = {"General_Category=", "gc=", "Script=", "sc="};
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        const size_t skip = strlen(prefixes[i]);
        if (n > skip && strncmp(name, prefixes[i], skip) == 0) {
            name += skip;
            n -= skip;
        }
    }
    for (size_t i = 0; i < COUNT(categories); i++)
        if (strlen(categories[i][0]) == n && strncmp(name, categories[i][0], n) == 0) {
            buf_str(b, categories[i][1]);
            return;
        }
    buf_add(b, name, n);
}

/* ECMA-262's white space is all of Unicode's. */
static const char *white_space(char letter, bool inside)
{
    if (letter == 's')
        return inside ? "\\s\\u{feff}\\p{Z}" : "[\\s\\u{feff}\\p{Z}]";
    return inside ? "\\S" : "[^\\s\\u{feff}\\p{Z}]";
}

/* The pattern as PCRE2 writes it. */
static char *translated(const char *text)
{
    struct buf b = {0};
    bool inside = false; /* of brackets */
    buf_str(&b, "");
    while (*text) {
        const char letter = *text == '\\' ? text[1] : '\0';
        const bool was_inside = inside;
        inside = letter ? inside : *text == '[' || (inside && *text != ']');
        if (letter == 's' || letter == 'S') {
            buf_str(&b, white_space(letter, inside));
            text += 2;
        } else if ((letter == 'p' || letter == 'P') && text[2] == '{') {
            const size_t n = strcspn(text + 3, "}");
            buf_add(&b, text, 3);
            add_property(&b, text + 3, n);
            text += 3 + n;
        } else if (was_inside && *text == '[') {
            buf_str(&b, "\\["); /* ECMA-262 has no [:alpha:] */
            text++;
        } else {
            buf_add(&b, text, letter ? 2 : 1);
            text += letter ? 2 : 1;
        }
    }
    return buf_take(&b);
}

/* Is it ^ and plain ASCII characters? Most are: "^x-". */
static bool is_prefix(const char *text)
{
    if (*text++ != '^')
        return false;
    while (*text > ' ' && *text < 0x7f && !strchr("\\^$.[]|()?*+{}", *text))
        text++;
    return *text == '\0';
}

struct pattern *pattern_new(const char *text, struct err *err)
{
    if (is_prefix(text)) {
        struct pattern *p = mem_new(sizeof(*p));
        p->text = str_new(text);
        return p;
    }
    const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX |
                             PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C |
                             PCRE2_ALLOW_EMPTY_CLASS;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    own(str_fini) char *ours = translated(text);
    int number;
    PCRE2_SIZE at;
    pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)ours, PCRE2_ZERO_TERMINATED, options, &number, &at, context);
    pcre2_compile_context_free(context);
    if (!code) {
        PCRE2_UCHAR why[200];
        pcre2_get_error_message(number, why, sizeof(why));
        err_set(err, CODE_CONFIG, "the pattern \"%s\" is wrong at character %zu: %s", ours, at,
                (char *)why);
        return NULL;
    }
    struct pattern *p = mem_new(sizeof(*p));
    p->text = str_new(text);
    p->code = code;
    p->data = pcre2_match_data_create(1, NULL);
    p->context = pcre2_match_context_create(NULL);
    return p;
}

void pattern_free(struct pattern *p)
{
    if (!p)
        return;
    pcre2_match_context_free(p->context);
    pcre2_match_data_free(p->data);
    pcre2_code_free(p->code);
    free(p->text);
    free(p);
}

int pattern_find(const struct pattern *p, const char *text, size_t len, struct err *err)
{
    if (!p->code)
        return strncmp(text, p->text + 1, strlen(p->text + 1)) == 0;
    const size_t each = 100 * (size_t)EFFORT / (len + 1);
    pcre2_set_match_limit(p->context, each > EFFORT        ? EFFORT
                                      : each < EFFORT_EACH ? EFFORT_EACH
                                                           : (uint32_t)each);
    const int rc = pcre2_match(p->code, (PCRE2_SPTR)text, len, 0, 0, p->data, p->context);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        return err_set(err, CODE_CONFIG,
                       "the pattern \"%s\" takes too long to match; write it without nested "
                       "repetition",
                       p->text);
    return rc >= 0;
}
