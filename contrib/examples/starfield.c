/*
 * starfield: writes a FITS image of stars that are known to the last digit.
 *
 * The sky is flat with Gaussian noise; a star is a Moffat profile (beta 3.5, 3 pixels wide at half
 * its height); fluxes follow a power law, many faint and few bright. Some stars stand in close
 * pairs whose light overlaps, apart enough to be told apart. The same arguments give the same
 * file on every machine whose libm agrees: the random numbers are made here.
 *
 * The image is FITS 4.0, 16 bit with BZERO, as a camera writes it. The truth file has one line
 * per star: x y flux, where the centre of the first pixel is 1.0 (FITS 4.0, 8.1).
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { EX_OK_ = 0, EX_USAGE_ = 64, EX_OS_ = 71, EX_IO_ = 74 };
enum { CARD = 80, BLOCK = 2880 };

static const double sky = 1000.0, noise = 8.0; /* counts per pixel */
static const double seeing = 3.0, beta = 3.5;  /* pixels at half height; wings */
static const double faintest = 4e3, brightest = 3e5, slope = 1.6;
static const double reach = 30.0; /* pixels beyond which a star's light is nothing */
static const double nearest = 2.4, farthest = 3.5;    /* partners of a pair, in seeings */
static const double pair_ratio_lo = 0.5, border = 16; /* partner's share of flux; pixels */
static const double apart = 24.0;                     /* pixels between stars that are no pair */

struct star {
    double x, y, flux;
};

struct field {
    long stars, size, overlaps;
    uint64_t seed;
    const char *image, *truth;
};

static const char usage[] =
    "usage: starfield [--stars=80] [--size=1024] [--seed=1] [--overlaps=N] IMAGE.fits TRUTH.txt\n";

__attribute__((format(printf, 2, 3))) static int fail(int code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("starfield: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return code;
}

/* splitmix64: small, well mixed, any seed will do. */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Between 0 and 1, neither included. */
static double uniform(uint64_t *state)
{
    return ((double)(next(state) >> 11) + 0.5) / 9007199254740992.0;
}

static double between(uint64_t *state, double lo, double hi)
{
    return lo + (hi - lo) * uniform(state);
}

static double gauss(uint64_t *state)
{
    double r = sqrt(-2.0 * log(uniform(state)));

    return r * cos(2.0 * M_PI * uniform(state));
}

/* A power law dN/dF ~ F^-slope between the faintest and the brightest. */
static double draw_flux(uint64_t *state)
{
    double e = 1.0 - slope, lo = pow(faintest, e), hi = pow(brightest, e);

    return pow(between(state, lo, hi), 1.0 / e);
}

/* May a star stand at x, y: inside the border and clear of all the others but its partner? */
static int stands(const struct field *f, const struct star *s, long n, double x, double y,
                  const struct star *partner)
{
    double hi = (double)f->size + 1.0 - border;

    if (x < border || y < border || x > hi || y > hi)
        return 0;
    for (long i = 0; i < n; i++)
        if (&s[i] != partner && hypot(s[i].x - x, s[i].y - y) < apart)
            return 0;
    return 1;
}

/* Finds each star a place; -1 when the image has none left. */
static int place(const struct field *f, struct star *s, uint64_t *state)
{
    long pairs = 0;

    for (long n = 0, tries = 0; n < f->stars; tries++) {
        const struct star *partner = NULL;
        double x, y, flux;

        if (tries > 100000)
            return -1;
        if (pairs < f->overlaps && n == 2 * pairs + 1) {
            double d = seeing * between(state, nearest, farthest);
            double angle = between(state, 0.0, 2.0 * M_PI);

            partner = &s[n - 1];
            x = partner->x + d * cos(angle);
            y = partner->y + d * sin(angle);
            flux = partner->flux * between(state, pair_ratio_lo, 1.0);
            if (flux < faintest)
                flux = faintest;
        } else {
            x = between(state, 1.0, (double)f->size);
            y = between(state, 1.0, (double)f->size);
            flux = draw_flux(state);
        }
        if (!stands(f, s, n, x, y, partner))
            continue;
        s[n++] = (struct star){x, y, flux};
        pairs += partner != NULL;
        tries = 0;
    }
    return 0;
}

/* Adds the light of one star; near its centre each pixel is the mean of 5 x 5 points. */
static void shine(const struct field *f, double *pixels, const struct star *s)
{
    double alpha = seeing / (2.0 * sqrt(pow(2.0, 1.0 / beta) - 1.0));
    double peak = s->flux * (beta - 1.0) / (M_PI * alpha * alpha);
    long x0 = lround(s->x - reach), x1 = lround(s->x + reach);
    long y0 = lround(s->y - reach), y1 = lround(s->y + reach);

    for (long y = y0 < 1 ? 1 : y0; y <= y1 && y <= f->size; y++)
        for (long x = x0 < 1 ? 1 : x0; x <= x1 && x <= f->size; x++) {
            double dx = (double)x - s->x, dy = (double)y - s->y, sum = 0.0;
            int k = hypot(dx, dy) < 4.0 * seeing ? 5 : 1;

            for (int j = 0; j < k; j++)
                for (int i = 0; i < k; i++) {
                    double u = dx + (i + 0.5) / k - 0.5, v = dy + (j + 0.5) / k - 0.5;

                    sum += pow(1.0 + (u * u + v * v) / (alpha * alpha), -beta);
                }
            pixels[(y - 1) * f->size + x - 1] += peak * sum / (k * k);
        }
}

/* The image without its file: sky, stars, noise. */
static void expose(const struct field *f, double *pixels, const struct star *s, uint64_t *state)
{
    for (long i = 0; i < f->size * f->size; i++)
        pixels[i] = sky;
    for (long i = 0; i < f->stars; i++)
        shine(f, pixels, &s[i]);
    for (long i = 0; i < f->size * f->size; i++)
        pixels[i] += noise * gauss(state);
}

/* Numbers end in column 30, text begins in column 11 (FITS 4.0, 4.2). */
static void card(FILE *out, int *cards, const char *key, const char *value, const char *comment)
{
    char line[CARD + 1];

    if (value == NULL)
        snprintf(line, sizeof line, "%s", key);
    else if (value[0] == '\'')
        snprintf(line, sizeof line, "%-8s= %-20s / %s", key, value, comment);
    else
        snprintf(line, sizeof line, "%-8s= %20s / %s", key, value, comment);
    fprintf(out, "%-80s", line);
    ++*cards;
}

static void write_header(FILE *out, const struct field *f)
{
    char size[32], seed[32];
    int cards = 0;

    snprintf(size, sizeof size, "%ld", f->size);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)f->seed);
    card(out, &cards, "SIMPLE", "T", "conforms to the FITS standard");
    card(out, &cards, "BITPIX", "16", "bits per pixel");
    card(out, &cards, "NAXIS", "2", "an image");
    card(out, &cards, "NAXIS1", size, "columns");
    card(out, &cards, "NAXIS2", size, "rows");
    card(out, &cards, "BSCALE", "1", "counts = BZERO + BSCALE * stored");
    card(out, &cards, "BZERO", "32768", "unsigned 16 bit");
    card(out, &cards, "BUNIT", "'adu'", "counts");
    card(out, &cards, "SATURATE", "65535", "[adu]");
    card(out, &cards, "ORIGIN", "'starfield'", "made, not observed");
    card(out, &cards, "SEED", seed, "of the random numbers");
    card(out, &cards, "END", NULL, NULL);
    for (int i = cards * CARD; i % BLOCK != 0; i++)
        fputc(' ', out);
}

static void write_image(FILE *out, const struct field *f, const double *pixels)
{
    long n = f->size * f->size;

    write_header(out, f);
    for (long i = 0; i < n; i++) {
        long counts = lround(fmin(fmax(pixels[i], 0.0), 65535.0));
        unsigned stored =
            (unsigned)(counts - 32768) & 0xffffu; /* two's complement, big end first */

        fputc((int)(stored >> 8), out);
        fputc((int)(stored & 0xffu), out);
    }
    for (long i = 2 * n; i % BLOCK != 0; i++)
        fputc(0, out);
}

static void write_truth(FILE *out, const struct field *f, const struct star *s)
{
    for (long i = 0; i < f->stars; i++)
        fprintf(out, "%.4f %.4f %.1f\n", s[i].x, s[i].y, s[i].flux);
}

/* Closes the file, and removes it when not all of it could be written; a device stays. */
static int finish(FILE *out, const char *name)
{
    int bad = ferror(out), why = errno;
    struct stat st;
    int regular = fstat(fileno(out), &st) == 0 && S_ISREG(st.st_mode);

    if (fclose(out) != 0) {
        why = errno;
        bad = 1;
    }
    if (!bad)
        return EX_OK_;
    if (regular)
        remove(name);
    return fail(EX_IO_, "%s: %s", name, strerror(why));
}

static int write_both(const struct field *f, const double *pixels, const struct star *s)
{
    FILE *out = fopen(f->image, "wb");
    int rc;

    if (out == NULL)
        return fail(EX_IO_, "%s: %s", f->image, strerror(errno));
    write_image(out, f, pixels);
    rc = finish(out, f->image);
    if (rc != EX_OK_)
        return rc;
    out = fopen(f->truth, "w");
    if (out == NULL)
        return fail(EX_IO_, "%s: %s", f->truth, strerror(errno));
    write_truth(out, f, s);
    return finish(out, f->truth);
}

static int make(const struct field *f)
{
    struct star *s = calloc((size_t)f->stars, sizeof *s);
    double *pixels = calloc((size_t)(f->size * f->size), sizeof *pixels);
    uint64_t state = f->seed;
    int rc;

    if (s == NULL || pixels == NULL) {
        rc = fail(EX_OS_, "out of memory");
    } else if (place(f, s, &state) < 0) {
        rc = fail(EX_USAGE_, "%ld stars have no room in %ld x %ld pixels, %g apart", f->stars,
                  f->size, f->size, apart);
    } else {
        expose(f, pixels, s, &state);
        rc = write_both(f, pixels, s);
    }
    free(s);
    free(pixels);
    return rc;
}

static int number(const char *name, const char *text, long lo, long hi, long *out)
{
    char *end;
    long v;

    errno = 0;
    v = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || v < lo || v > hi)
        return fail(EX_USAGE_, "--%s=%s: expected a number from %ld to %ld", name, text, lo, hi);
    *out = v;
    return EX_OK_;
}

static int options(int argc, char **argv, struct field *f)
{
    enum { STARS, SIZE, SEED, OVERLAPS, HELP };
    static const struct option table[] = {
        {"stars", required_argument, NULL, STARS}, {"size", required_argument, NULL, SIZE},
        {"seed", required_argument, NULL, SEED},   {"overlaps", required_argument, NULL, OVERLAPS},
        {"help", no_argument, NULL, HELP},         {0}};
    long seed = 1;
    int c, rc = EX_OK_;

    f->overlaps = -1;
    while (rc == EX_OK_ && (c = getopt_long(argc, argv, "", table, NULL)) != -1)
        switch (c) {
        case STARS:
            rc = number("stars", optarg, 1, 100000, &f->stars);
            break;
        case SIZE:
            rc = number("size", optarg, 64, 16384, &f->size);
            break;
        case SEED:
            rc = number("seed", optarg, 0, INT32_MAX, &seed);
            break;
        case OVERLAPS:
            rc = number("overlaps", optarg, 0, 50000, &f->overlaps);
            break;
        case HELP:
            fputs(usage, stdout);
            exit(fflush(stdout) == 0 ? EX_OK_ : EX_IO_);
        default:
            fputs(usage, stderr);
            return EX_USAGE_;
        }
    if (rc != EX_OK_)
        return rc;
    f->seed = (uint64_t)seed;
    if (f->overlaps < 0)
        f->overlaps = f->stars / 8;
    if (2 * f->overlaps > f->stars)
        return fail(EX_USAGE_, "--overlaps=%ld: %ld stars make at most %ld pairs", f->overlaps,
                    f->stars, f->stars / 2);
    if (argc - optind != 2) {
        fputs(usage, stderr);
        return EX_USAGE_;
    }
    f->image = argv[optind];
    f->truth = argv[optind + 1];
    return EX_OK_;
}

int main(int argc, char **argv)
{
    struct field f = {.stars = 80, .size = 1024};
    int rc = options(argc, argv, &f);

    return rc == EX_OK_ ? make(&f) : rc;
}
