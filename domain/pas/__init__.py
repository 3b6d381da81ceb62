"""Da Vinci Prior Authorization Support 2.2.1 (http://hl7.org/fhir/us/davinci-pas): pure functions on its bundles."""
