// Disorder put on a finished crystal: species of a random alloy, vacancies, rattled positions.
//
// Seeded; the result does not depend on the number of threads. Counts are exact: every arrangement with these
// counts is equally likely.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/frame.hpp"

namespace grainfield {

// The species of a frame from element symbols; throws UsageError for an unknown one or for one given twice.
std::vector<Species> element_species(const std::vector<std::string>& symbols);

// How many of n atoms each species gets: n fraction_s rounded by largest remainders (ties: first species), so
// that they add up to n. Throws UsageError unless fractions are in [0, 1] and add up to 1 within 1e-9.
std::vector<int64_t> exact_counts(int64_t n, const std::vector<double>& fractions);

// Gives every atom one of frame.species at random, counts[s] of species s; the counts add up to the atoms.
void assign_species(Frame& frame, const std::vector<int64_t>& counts, uint64_t seed);

// Removes `count` atoms at random; the order of the others stays. Throws UsageError unless 0 <= count <=
// atoms.
void make_vacancies(Frame& frame, int64_t count, uint64_t seed);

// Adds independent normal displacements of standard deviation sigma (A) to each coordinate, and wraps.
void rattle(Frame& frame, double sigma, uint64_t seed, int threads);

// Deletes the atoms with these indices (ascending, no repeats) from positions, types, ids and columns, in
// place.
void remove_atoms(Frame& frame, const std::vector<int64_t>& indices);

}  // namespace grainfield
